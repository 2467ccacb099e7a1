#include "conf/value.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <limits>

#include "conf/bridge_values.h"
#include "conf/diagnostic.h"
#include "conf/network.h"
#include "conf/options.h"

namespace conf {
namespace {

using Result = std::expected<Value, std::string>;

constexpr std::int64_t day_seconds = 86400;

struct DurationUnit {
  char letter;
  std::int64_t seconds;
};

/// From the longest to the shortest. A month has 30 days, a year 365, as in Mosquitto.
constexpr std::array<DurationUnit, 6> duration_units = {{{'y', 365 * day_seconds},
                                                         {'m', 30 * day_seconds},
                                                         {'w', 7 * day_seconds},
                                                         {'d', day_seconds},
                                                         {'h', 3600},
                                                         {'s', 1}}};

std::unexpected<std::string> wrong(const Option& option, std::string_view text) {
  const std::string range = range_of(option);
  std::string message = "'" + std::string(option.name) + "' cannot be " + quoted(text);
  if (!range.empty()) message += "; it is " + range;
  return std::unexpected(message);
}

bool contains_word(std::string_view list, std::string_view word) {
  const auto words = words_of(list);
  return std::find(words.begin(), words.end(), word) != words.end();
}

Result parse_flag(const Option& option, std::string_view text) {
  if (text == "true" || text == "1") return true;
  if (text == "false" || text == "0") return false;
  return wrong(option, text);
}

/// Decimal, 0x hexadecimal or 0 octal, with nothing behind.
Result parse_integer(const Option& option, std::string_view text) {
  if (!option.zero_word.empty() && text == option.zero_word) return std::int64_t{0};
  const std::string terminated(text);
  char* end = nullptr;
  errno = 0;
  const long long number = std::strtoll(terminated.c_str(), &end, 0);
  const bool whole = end == terminated.c_str() + terminated.size() && end != terminated.c_str();
  if (!whole || errno != 0) return wrong(option, text);
  return check_integer(option, number);
}

Result parse_text(const Option& option, std::string_view text) {
  if (!is_printable_utf8(text)) {
    return std::unexpected("'" + std::string(option.name) +
                           "' is not UTF-8 without control characters");
  }
  const bool too_long =
      option.maximum > 0 && text.size() > static_cast<std::size_t>(option.maximum);
  if (too_long) return wrong(option, text);
  const bool wildcard = option.name == "mount_point" && text.find_first_of("+#") != text.npos;
  if (wildcard) return wrong(option, text);
  return std::string(text);
}

Result parse_choice(const Option& option, std::string_view text) {
  if (contains_word(option.choices, text)) return std::string(text);
  if (contains_word(option.later_choices, text)) {
    return std::unexpected("not built in yet: " + std::string(option.name) + " " +
                           std::string(text));
  }
  return wrong(option, text);
}

/// `file PATH` in one form whatever blanks stood between; Mosquitto takes the rest of the line.
Result parse_log_destination(const Option& option, std::string_view text) {
  const auto words = words_of(text);
  if (words.empty() || words.front() != "file") {
    return parse_choice(option, words.empty() ? text : words.front());
  }
  if (words.size() == 1) return std::unexpected("'log_dest file' needs a path");
  const auto path = text.substr(static_cast<std::size_t>(words[1].data() - text.data()));
  const Result checked = parse_text(option, path);
  if (!checked) return checked;
  return "file " + std::string(path);
}

Result parse_duration(const Option& option, std::string_view text) {
  const auto digits = text.find_first_not_of("0123456789");
  if (digits == 0 || digits == text.npos || digits + 1 != text.size()) return wrong(option, text);
  const auto* const unit =
      std::find_if(duration_units.begin(), duration_units.end(),
                   [&](const DurationUnit& each) { return each.letter == text.back(); });
  if (unit == duration_units.end()) return wrong(option, text);
  const std::string count_text(text.substr(0, digits));
  errno = 0;
  const long long count = std::strtoll(count_text.c_str(), nullptr, 10);
  const bool too_much =
      errno != 0 || count > std::numeric_limits<std::int64_t>::max() / unit->seconds;
  if (too_much || count == 0) return wrong(option, text);
  return count * unit->seconds;
}

Result parse_versions(const Option& option, std::string_view text) {
  std::string list;
  for (const auto word : words_of(text, ", \t")) {
    if (word != "3" && word != "4" && word != "5") return wrong(option, text);
    if (!list.empty()) list += ',';
    list += word;
  }
  if (list.empty()) return wrong(option, text);
  return list;
}

/// In one form whatever stood between: "192.0.2.0/24 unix".
Result parse_networks(const Option& option, std::string_view text) {
  std::string list;
  const auto words = words_of(text, ", \t");
  for (const auto word : words) {
    const bool none = word == "none" && words.size() == 1;
    if (!none && word != "unix" && !is_network(word)) return wrong(option, word);
    if (!list.empty()) list += ' ';
    list += word;
  }
  if (list.empty()) return wrong(option, text);
  return list;
}

/// In the form 0660.
Result parse_file_mode(const Option& option, std::string_view text) {
  constexpr std::size_t digits = 4;
  std::string mode(text);
  if (mode.size() == digits - 1) mode.insert(mode.begin(), '0');
  const bool good = mode.size() == digits && mode.front() == '0' &&
                    mode.find_first_not_of("01234567") == mode.npos;
  if (!good) return wrong(option, text);
  return mode;
}

/// In one form whatever blanks stood between: "5 30".
Result parse_number_list(const Option& option, std::string_view text) {
  const auto numbers = parse_numbers(text);
  if (numbers.size() < option.numbers_min || numbers.size() > option.numbers_max) {
    return wrong(option, text);
  }
  std::string list;
  for (const std::uint32_t number : numbers) {
    if (number < option.minimum || number > option.maximum) return wrong(option, text);
    list += (list.empty() ? "" : " ") + std::to_string(number);
  }
  return list;
}

/// A text with parts that have been checked: it is read again where it is applied.
template <typename Parts>
Result as_value(const Option& option, std::string_view text,
                const std::expected<Parts, std::string>& parts) {
  const Result checked = parse_text(option, text);
  if (!checked) return checked;
  if (!parts) return std::unexpected(quoted(option.name) + " " + parts.error());
  return std::string(text);
}

std::string duration_text(std::int64_t seconds) {
  // "2m" would be taken for minutes.
  const auto* const unit = std::find_if(
      duration_units.begin(), duration_units.end(),
      [&](const DurationUnit& each) { return seconds % each.seconds == 0 && each.letter != 'm'; });
  return std::to_string(seconds / unit->seconds) + unit->letter;
}

/// Bytes of the UTF-8 sequence that begins with `lead`; 0: nothing begins so.
std::size_t sequence_size(unsigned char lead) {
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead < 0xE0) return 2;
  if (lead >= 0xE0 && lead < 0xF0) return 3;
  if (lead >= 0xF0 && lead < 0xF5) return 4;
  return 0;
}

bool is_printable(char32_t point, std::size_t size) {
  constexpr std::array<char32_t, 5> smallest = {0, 0, 0x80, 0x800, 0x10000};
  if (point < smallest.at(size) || point > 0x10FFFF) return false;
  if (point < 0x20 || (point >= 0x7F && point < 0xA0)) return false;
  if (point >= 0xD800 && point < 0xE000) return false;
  const bool noncharacter = (point >= 0xFDD0 && point < 0xFDF0) || (point & 0xFFFE) == 0xFFFE;
  return !noncharacter;
}

}  // namespace

std::vector<std::string_view> words_of(std::string_view text, std::string_view separators) {
  std::vector<std::string_view> words;
  for (;;) {
    const auto begin = text.find_first_not_of(separators);
    if (begin == text.npos) return words;
    text.remove_prefix(begin);
    const auto end = std::min(text.find_first_of(separators), text.size());
    words.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
}

bool is_printable_utf8(std::string_view text) {
  constexpr std::array<unsigned char, 5> lead_bits = {0, 0x7F, 0x1F, 0x0F, 0x07};
  while (!text.empty()) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t size = sequence_size(lead);
    if (size == 0 || size > text.size()) return false;
    char32_t point = lead & lead_bits.at(size);
    for (const char each : text.substr(1, size - 1)) {
      const auto byte = static_cast<unsigned char>(each);
      if ((byte & 0xC0U) != 0x80U) return false;
      point = (point << 6U) | (byte & 0x3FU);
    }
    if (!is_printable(point, size)) return false;
    text.remove_prefix(size);
  }
  return true;
}

Result check_integer(const Option& option, std::int64_t number) {
  if (number < option.minimum || number > option.maximum) {
    return wrong(option, std::to_string(number));
  }
  return number;
}

Result parse_value(const Option& option, std::string_view text) {
  if (text.empty()) return std::unexpected("'" + std::string(option.name) + "' has no value");
  switch (option.type) {
    case Type::flag:
      return parse_flag(option, text);
    case Type::integer:
      return parse_integer(option, text);
    case Type::choice:
      return parse_choice(option, text);
    case Type::duration:
      return parse_duration(option, text);
    case Type::versions:
      return parse_versions(option, text);
    case Type::networks:
      return parse_networks(option, text);
    case Type::file_mode:
      return parse_file_mode(option, text);
    case Type::log_destination:
      return parse_log_destination(option, text);
    case Type::numbers:
      return parse_number_list(option, text);
    case Type::addresses:
      return as_value(option, text, parse_bridge_addresses(text));
    case Type::topic_mapping:
      return as_value(option, text, parse_bridge_topic(text));
    case Type::text:
    case Type::heading:
    case Type::folder:
      break;
  }
  return parse_text(option, text);
}

std::string to_text(const Option& option, const Value& value) {
  if (const auto* flag = std::get_if<bool>(&value)) return *flag ? "true" : "false";
  if (const auto* text = std::get_if<std::string>(&value)) return *text;
  const std::int64_t number = std::get<std::int64_t>(value);
  return option.type == Type::duration ? duration_text(number) : std::to_string(number);
}

}  // namespace conf
