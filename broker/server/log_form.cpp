#include "broker/server/log_form.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <ctime>
#include <utility>

#include "broker/core/events.h"
#include "broker/core/text.h"
#include "broker/wire/utf8.h"

namespace server {
namespace {

using broker::LogType;

/// How many bytes of a control character stand at the front: of C0 but for the tab, DEL, or C1.
std::size_t control_bytes(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  if ((first < 0x20 && first != '\t') || first == 0x7F) return 1;
  if (first != 0xC2 || text.size() < 2) return 0;
  const auto second = static_cast<unsigned char>(text[1]);
  return second >= 0x80 && second < 0xA0 ? 2 : 0;
}

bool is_plain(std::string_view text) noexcept {
  for (; !text.empty(); text.remove_prefix(1)) {
    if (control_bytes(text) > 0) return false;
  }
  return true;
}

/// Cut between two characters of UTF-8.
std::string_view cut_to(std::string_view text, std::size_t bytes_max) noexcept {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return text.substr(0, end);
}

/// Bytes of the character of UTF-8 at the front; 0: it is none.
std::size_t character_bytes(std::string_view text) noexcept {
  const auto first = static_cast<unsigned char>(text.front());
  if (first == 0) return 1;  // which MQTT forbids, and Unicode does not
  const std::size_t bytes = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
  const bool is_whole = bytes <= text.size() && mqtt::is_utf8_string(text.substr(0, bytes));
  return is_whole ? bytes : 0;
}

/// The character at the front as JSON has it between quotes, and how many bytes it stands for.
std::pair<std::string, std::size_t> json_character(std::string_view text) {
  const std::size_t bytes = character_bytes(text);
  if (bytes == 0) return {"\xEF\xBF\xBD", 1};  // U+FFFD
  const auto first = static_cast<unsigned char>(text.front());
  if (first == '"' || first == '\\') return {std::string{'\\', text.front()}, 1};
  const bool is_control = control_bytes(text) > 0 || first == '\t';
  if (!is_control) return {std::string(text.substr(0, bytes)), bytes};
  const unsigned code = bytes == 1 ? first : static_cast<unsigned char>(text[1]);
  std::array<char, 8> escaped{};
  const int size = std::snprintf(escaped.data(), escaped.size(), "\\u%04x", code);
  return {std::string(escaped.data(), static_cast<std::size_t>(size)), bytes};
}

/// Appends a text in quotes: as much of it as has room.
void append_json(std::string& json, std::string_view text, std::size_t bytes_max) {
  constexpr std::string_view rest = "...";
  json += '"';
  const std::size_t begin = json.size();
  std::size_t fits = begin;  // where "..." would stand
  while (!text.empty()) {
    const auto [character, bytes] = json_character(text);
    const std::size_t size = json.size() - begin + character.size();
    if (size > bytes_max) {
      json.resize(fits);
      json += rest;
      break;
    }
    json += character;
    if (size + rest.size() <= bytes_max) fits = json.size();
    text.remove_prefix(bytes);
  }
  json += '"';
}

/// A member with a text that a client made.
void append_member(std::string& json, std::string_view name, std::string_view text) {
  constexpr std::size_t escaped_bytes_max = 600;
  if (text.empty()) return;
  json += broker::concat({",\"", name, "\":"});
  append_json(json, broker::cut(text), escaped_bytes_max);
}

void append_number(std::string& json, std::string_view name, unsigned number) {
  json += broker::concat({",\"", name, "\":", std::to_string(number)});
}

/// "2026-11-30T12:57:44.123", and the offset from UTC in seconds.
std::pair<std::string, long> broken_down(std::chrono::system_clock::time_point time, bool local) {
  using std::chrono::milliseconds;
  const auto since_1970 = std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
  constexpr std::int64_t thousand = 1000;
  const auto seconds = static_cast<std::time_t>(since_1970 / thousand);
  std::tm parts{};
  if (local) {
    ::localtime_r(&seconds, &parts);
  } else {
    ::gmtime_r(&seconds, &parts);
  }
  std::array<char, 64> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::string digits = std::to_string(thousand + since_1970 % thousand);
  digits.front() = '.';
  return {std::string(text.data(), size) + digits, parts.tm_gmtoff};
}

}  // namespace

std::string text_form(std::string_view line) {
  static constexpr std::string_view digits = "0123456789ABCDEF";
  line = cut_to(line, line_bytes_max);
  if (is_plain(line)) return std::string(line);
  std::string text;
  text.reserve(line.size());
  while (!line.empty()) {
    const std::size_t control = control_bytes(line);
    if (control == 0) text += line.front();
    for (const char letter : line.substr(0, control)) {
      const auto byte = static_cast<unsigned char>(letter);
      text += {'\\', 'x', digits[byte >> 4U], digits[byte & 0xFU]};
    }
    line.remove_prefix(std::max<std::size_t>(control, 1));
  }
  return text;
}

std::string json_form(std::string_view time, LogType type, const broker::LogFields& fields,
                      std::string_view listener, std::string_view line) {
  std::string json = "{";
  if (!time.empty()) json += broker::concat({"\"time\":\"", time, "\","});
  json += broker::concat({"\"level\":\"", level_of(type), "\",\"event\":\"",
                          broker::text_of(fields.event).name, "\""});
  append_member(json, "client", fields.client_id);
  append_member(json, "user", fields.user_name);
  append_member(json, "address", fields.address);
  if (fields.port != 0) append_number(json, "port", fields.port);
  append_member(json, "listener", listener);
  if (fields.reason_code) append_number(json, "reason_code", *fields.reason_code);
  json += ",\"message\":";
  constexpr std::size_t end_bytes = 3;  // two quotes and a brace
  append_json(json, line, line_bytes_max - end_bytes - json.size());
  return json + "}";
}

std::string_view level_of(LogType type) noexcept {
  switch (type) {
    case LogType::error:
      return "error";
    case LogType::warning:
      return "warning";
    case LogType::notice:
      return "notice";
    case LogType::information:
      return "information";
    case LogType::debug:
      return "debug";
    case LogType::subscribe:
      return "subscribe";
    case LogType::unsubscribe:
      return "unsubscribe";
    case LogType::websockets:
      return "websockets";
    case LogType::internal:
      return "internal";
    case LogType::none:
      break;
  }
  return "none";
}

std::string utc_time(std::chrono::system_clock::time_point time) {
  return broken_down(time, false).first + "Z";
}

std::string local_time(std::chrono::system_clock::time_point time) {
  constexpr long minute_seconds = 60;
  const auto [text, offset_seconds] = broken_down(time, true);
  const long minutes = (offset_seconds < 0 ? -offset_seconds : offset_seconds) / minute_seconds;
  std::array<char, 8> offset{};
  const int size =
      std::snprintf(offset.data(), offset.size(), "%c%02u:%02u", offset_seconds < 0 ? '-' : '+',
                    static_cast<unsigned>(minutes / minute_seconds) % 100U,
                    static_cast<unsigned>(minutes % minute_seconds));
  return text + std::string(offset.data(), static_cast<std::size_t>(size));
}

}  // namespace server
