#include "conf/prose.h"

#include "conf/value.h"

namespace conf {

std::string folded(std::string_view text, std::string_view prefix) {
  std::string result;
  std::string line(prefix);
  for (const auto word : words_of(text)) {
    const bool full = line.size() + 1 + word.size() > text_columns && line.size() > prefix.size();
    if (full) {
      result += line + "\n";
      line = prefix;
    }
    if (line.size() > prefix.size()) line += ' ';
    line += word;
  }
  return result + line + "\n";
}

std::string facts_of(const Option& option) {
  std::string text;
  if (!option.default_text.empty()) {
    text += " Default: " + std::string(option.default_text);
    if (!option.units.empty()) text += " " + std::string(option.units);
    text += ".";
  } else if (!option.units.empty()) {
    text += " In " + std::string(option.units) + ".";
  }
  if (!option.mosquitto_default.empty()) {
    text += " In a mosquitto.conf the default is " + std::string(option.mosquitto_default) + ".";
  }
  if (option.type == Type::choice || option.type == Type::log_destination ||
      option.type == Type::duration || option.type == Type::networks ||
      option.type == Type::file_mode || option.type == Type::numbers) {
    text += " It is " + range_of(option) + ".";
  }
  if (!option.reloadable) text += " Read at start only.";
  return text;
}

}  // namespace conf
