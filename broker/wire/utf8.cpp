#include "broker/wire/utf8.h"

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace mqtt {
namespace {

constexpr std::uint64_t high_bits = 0x8080'8080'8080'8080U;
constexpr std::uint64_t low_bits = 0x7F7F'7F7F'7F7F'7F7FU;

/// Eight ASCII characters, none of them U+0000: no high bit is set, and adding 0x7F sets them all.
bool is_ascii_text(const char* eight) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, eight, sizeof word);
  return (word & high_bits) == 0 && ((word + low_bits) & high_bits) == high_bits;
}

constexpr bool between(unsigned char value, unsigned low, unsigned high) noexcept {
  return value >= low && value <= high;
}

/// Length of the well-formed sequence of two to four bytes that `at` begins with, else 0. The
/// bounds of the second byte keep out overlong forms, surrogates [MQTT-1.5.4-1] and what lies
/// beyond U+10FFFF (table 3-7 of the Unicode standard).
std::size_t sequence_length(const unsigned char* at, std::size_t available) noexcept {
  const unsigned char lead = at[0];
  const std::size_t length = between(lead, 0xC2, 0xDF)   ? 2
                             : between(lead, 0xE0, 0xEF) ? 3
                             : between(lead, 0xF0, 0xF4) ? 4
                                                         : 0;
  if (length == 0 || length > available) return 0;
  const unsigned low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (!between(at[1], low, high)) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if (!between(at[i], 0x80, 0xBF)) return 0;
  }
  return length;
}

/// Length of the character that `at` begins with; 0 if it is none that MQTT allows.
std::size_t character_length(const unsigned char* at, std::size_t available) noexcept {
  if (*at == 0) return 0;  // [MQTT-1.5.4-2] [MQTT3-1.5.3-2]
  return *at < 0x80 ? 1 : sequence_length(at, available);
}

}  // namespace

bool is_utf8_string(std::string_view text) noexcept {
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    while (end - at >= 8 && is_ascii_text(at)) at += 8;
    if (at == end) break;
    const std::size_t length = character_length(reinterpret_cast<const unsigned char*>(at),
                                                static_cast<std::size_t>(end - at));
    if (length == 0) return false;
    at += length;
  }
  return true;
}

}  // namespace mqtt
