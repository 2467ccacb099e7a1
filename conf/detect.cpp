#include "conf/detect.h"

#include <algorithm>

namespace conf {
namespace {

constexpr std::string_view blanks = " \t\r\n";

/// Without the blanks in front.
std::string_view from_first_letter(std::string_view text) {
  return text.substr(std::min(text.find_first_not_of(blanks), text.size()));
}

/// Begins with a name, quoted or not, and an equals sign.
bool is_assignment(std::string_view line) {
  constexpr std::string_view name_letters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.\"'";
  const auto name_end = std::min(line.find_first_not_of(name_letters), line.size());
  return name_end > 0 && from_first_letter(line.substr(name_end)).starts_with('=');
}

}  // namespace

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
  if (text.starts_with(byte_order_mark)) text.remove_prefix(byte_order_mark.size());
  return text;
}

FileForm detect_form(std::string_view text, std::string_view file) {
  text = without_byte_order_mark(text);
  for (text = from_first_letter(text); !text.empty(); text = from_first_letter(text)) {
    const std::string_view line = text.substr(0, text.find('\n'));
    const bool comment = line.starts_with('#');
    if (!comment && (line.starts_with('[') || is_assignment(line))) return FileForm::toml;
    if (!comment) return FileForm::mosquitto;
    text.remove_prefix(line.size());
  }
  return file.ends_with(".toml") ? FileForm::toml : FileForm::mosquitto;
}

}  // namespace conf
