#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include "broker/trace/packet_text.h"
#include "broker/wire/utf8.h"

namespace trace {
namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

void append_hex(std::string& text, unsigned byte) {
  text += hex_digits[byte >> 4U];
  text += hex_digits[byte & 0x0FU];
}

/// How many bytes the character at the front of a text takes; 0: it is to be shown as \xHH.
std::size_t character_bytes(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  if (first < 0x80) return first >= 0x20 && first != 0x7F ? 1 : 0;
  const std::size_t size = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (text.size() < size || !mqtt::is_utf8_string(text.substr(0, size))) return 0;
  // U+0080 to U+009F are control characters, too.
  const bool is_control = first == 0xC2 && static_cast<unsigned char>(text[1]) < 0xA0;
  return is_control ? 0 : size;
}

}  // namespace

std::string quoted(std::string_view text, std::size_t bytes_max) {
  const bool is_cut = text.size() > bytes_max;
  std::string_view rest = text.substr(0, bytes_max);
  std::string result = "'";
  while (!rest.empty()) {
    const std::size_t size = character_bytes(rest);
    if (size == 0) {
      result += "\\x";
      append_hex(result, static_cast<unsigned char>(rest.front()));
    } else {
      result += rest.substr(0, size);
    }
    rest.remove_prefix(std::max<std::size_t>(size, 1));
  }
  result += is_cut ? "'..." : "'";
  return result;
}

std::string hex_of(mqtt::Bytes bytes) {
  constexpr std::size_t bytes_max = 32;
  constexpr std::size_t connect_bytes_max = 12;
  if (bytes.empty()) return {};
  const bool may_be_connect = std::to_integer<unsigned>(bytes[0]) >> 4U == 1;
  const std::size_t count = std::min(bytes.size(), may_be_connect ? connect_bytes_max : bytes_max);
  std::string text;
  for (const std::byte each : bytes.first(count)) {
    if (!text.empty()) text += ' ';
    append_hex(text, std::to_integer<unsigned>(each));
  }
  if (count < bytes.size()) text += " ...";
  return text;
}

std::string cut_text(std::string text, std::size_t bytes_max) {
  constexpr std::string_view dots = "...";
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max - dots.size();
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  text.resize(end);
  text += dots;
  return text;
}

}  // namespace trace
