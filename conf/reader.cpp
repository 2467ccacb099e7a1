#include "conf/reader.h"

#include <vector>

#include "conf/file.h"
#include "conf/mosquitto_reader.h"
#include "conf/toml_reader.h"

namespace conf {

void read_file_text(std::string_view text, const std::string& file, FileRole role,
                    SourceWriter& writer) {
  if (detect_form(text, file) == FileForm::toml) {
    read_toml(text, file, role, writer);
  } else {
    read_mosquitto(text, file, role, writer);
  }
}

void include_folder(const std::string& folder, const Place& place, FileForm of_main,
                    SourceWriter& writer) {
  std::vector<std::string_view> endings = {".conf"};
  if (of_main == FileForm::toml) endings.emplace_back(".toml");
  const auto files = conf_files_of(folder, endings);
  if (!files) return writer.error(place, files.error());
  for (const std::string& file : *files) {
    const auto text = read_file(file);
    if (text) {
      read_file_text(*text, file, FileRole::included, writer);
    } else {
      writer.error(place, text.error());
    }
  }
}

}  // namespace conf
