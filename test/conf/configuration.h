#pragma once

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "conf/load.h"

namespace conf_test {

inline conf::Settings good(std::string_view text) {
  const auto settings = conf::load_text(text, "test.conf");
  if (settings) return *settings;
  std::string all;
  for (const auto& each : settings.error()) all += conf::format(each) + "\n";
  throw std::runtime_error(all);
}

/// "3: TEXT" for each error of the text.
inline std::vector<std::string> errors_of(std::string_view text) {
  std::vector<std::string> errors;
  const auto settings = conf::load_text(text, "test.conf");
  if (settings) return errors;
  for (const auto& each : settings.error()) {
    if (each.severity != conf::Severity::error) continue;
    errors.push_back(std::to_string(each.line) + ": " + each.text);
  }
  return errors;
}

inline std::vector<std::string> remarks_of(const conf::Settings& settings,
                                           conf::Severity severity) {
  std::vector<std::string> texts;
  for (const auto& each : settings.remarks) {
    if (each.severity == severity) texts.push_back(conf::format(each));
  }
  return texts;
}

inline bool is_in(std::string_view part, std::string_view text) {
  return text.find(part) != text.npos;
}

/// A folder that goes away with its content.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "darter-conf-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp");
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  [[nodiscard]] std::string write(const std::string& name, std::string_view text) const {
    const auto path = path_ / name;
    std::filesystem::create_directories(path.parent_path());
    std::ofstream(path) << text;
    return path.string();
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

}  // namespace conf_test
