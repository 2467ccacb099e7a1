#include "conf/options.h"

#include <algorithm>
#include <string>
#include <vector>

#include "conf/nearest.h"
#include "conf/option_rows.h"

namespace conf {
namespace {

std::vector<Option> whole_table() {
  std::vector<Option> table;
  for (const auto rows : {client_option_rows(), global_option_rows(), logging_option_rows(),
                          cluster_option_rows(), listener_option_rows(), tls_option_rows(),
                          bridge_option_rows(), bridge_tls_option_rows()}) {
    table.insert(table.end(), rows.begin(), rows.end());
  }
  return table;
}

bool spells(std::string_view pattern, std::string_view name) {
  if (!pattern.ends_with('*')) return pattern == name;
  pattern.remove_suffix(1);
  return name.starts_with(pattern) && name.size() > pattern.size();
}

bool is_called(const Option& option, std::string_view name) {
  if (spells(option.name, name)) return true;
  const auto aliases = words_of(option.aliases);
  return std::any_of(aliases.begin(), aliases.end(),
                     [&](std::string_view alias) { return spells(alias, name); });
}

/// "a", "a or b", "a, b or c".
std::string alternatives(const std::vector<std::string_view>& words) {
  std::string sentence;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i > 0) sentence += i + 1 == words.size() ? " or " : ", ";
    sentence += words[i];
  }
  return sentence;
}

std::string destinations(std::string_view choices) {
  auto words = words_of(choices);
  words.emplace_back("file PATH");
  return alternatives(words);
}

/// "3 numbers, 1 to 65535", "1 or 2 numbers, ..."
std::string numbers_text(const Option& option) {
  std::string text = std::to_string(option.numbers_min);
  if (option.numbers_max > option.numbers_min) text += " or " + std::to_string(option.numbers_max);
  return text + " numbers, " + std::to_string(option.minimum) + " to " +
         std::to_string(option.maximum);
}

}  // namespace

SlowConsumer slow_consumer_of(const Value& value) {
  const auto& word = std::get<std::string>(value);
  if (word == "drop_oldest") return SlowConsumer::drop_oldest;
  if (word == "latest_per_topic") return SlowConsumer::latest_per_topic;
  return word == "disconnect" ? SlowConsumer::disconnect : SlowConsumer::drop_newest;
}

std::span<const Option> options() {
  static const std::vector<Option> table = whole_table();
  return table;
}

const Option* find_option(std::string_view name) {
  const auto found = std::find_if(options().begin(), options().end(),
                                  [&](const Option& option) { return is_called(option, name); });
  return found == options().end() ? nullptr : &*found;
}

std::string_view nearest_option(std::string_view name) {
  std::vector<std::string_view> names;
  names.reserve(options().size());
  for (const Option& option : options()) names.push_back(option.name);
  return nearest(name, names);
}

std::string_view example_of(const Option& option) {
  return option.example.empty() ? option.default_text : option.example;
}

std::string_view default_in(FileForm form, const Option& option) {
  const bool differs = form == FileForm::mosquitto && !option.mosquitto_default.empty();
  return differs ? option.mosquitto_default : option.default_text;
}

std::string range_of(const Option& option) {
  switch (option.type) {
    case Type::flag:
      return "true or false";
    case Type::integer:
      return "a number, " + std::to_string(option.minimum) + " to " +
             std::to_string(option.maximum) +
             (option.zero_word.empty() ? "" : ", or " + std::string(option.zero_word));
    case Type::choice:
      return alternatives(words_of(option.choices));
    case Type::duration:
      return "a whole number above 0 and one of s, h, d, w, m, y: 14d";
    case Type::versions:
      return "a list of 3, 4 and 5";
    case Type::networks:
      return "a list of addresses, networks as in 192.0.2.0/24, and unix; or none";
    case Type::file_mode:
      return "access bits in octal, 0000 to 0777";
    case Type::log_destination:
      return destinations(option.choices);
    case Type::numbers:
      return numbers_text(option);
    case Type::addresses:
      return "HOST:PORT, several between blanks";
    case Type::topic_mapping:
      return "PATTERN DIRECTION QOS LOCAL-PREFIX REMOTE-PREFIX";
    case Type::text:
    case Type::heading:
    case Type::folder:
      break;
  }
  if (option.maximum > 0) return "at most " + std::to_string(option.maximum) + " bytes long";
  return option.name == "mount_point" ? "a topic without + and #" : "";
}

}  // namespace conf
