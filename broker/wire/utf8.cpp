#include "broker/wire/utf8.h"

#include <algorithm>
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
/// bounds of the second byte keep out overlong forms, surrogates [MQTT-1.5.4-1] and code points
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

/// Are all bytes of a word from 0x20 to 0x7E? None has a high bit, adding 0x60 sets them all,
/// adding 1 none.
template <typename Word>
bool is_printable_word(const char* at) noexcept {
  constexpr Word ones = ~Word{0} / 0xFF;  // 0x01 in each byte
  constexpr Word highs = ones * 0x80;
  Word word = 0;
  std::memcpy(&word, at, sizeof word);
  return ((word + ones * 0x60) & ~(word | (word + ones)) & highs) == highs;
}

/// Almost every text that a client sends. The last word may have bytes of the one before.
bool is_printable_ascii(std::string_view text) noexcept {
  const char* const end = text.data() + text.size();
  if (text.size() >= 8) {
    for (const char* at = text.data(); at < end - 8; at += 8) {
      if (!is_printable_word<std::uint64_t>(at)) return false;
    }
    return is_printable_word<std::uint64_t>(end - 8);
  }
  if (text.size() >= 4) {
    return is_printable_word<std::uint32_t>(end - text.size()) &&
           is_printable_word<std::uint32_t>(end - 4);
  }
  return std::ranges::all_of(text, [](char c) { return c >= 0x20 && c <= 0x7E; });
}

/// The character that a well-formed sequence of `length` bytes stands for.
std::uint32_t character_at(const unsigned char* at, std::size_t length) noexcept {
  if (length == 1) return at[0];
  std::uint32_t character = at[0] & (0x7FU >> length);
  for (std::size_t i = 1; i < length; ++i) character = character << 6U | (at[i] & 0x3FU);
  return character;
}

bool is_control_or_none(std::uint32_t character) noexcept {
  return character < 0x20 || (character >= 0x7F && character <= 0x9F) ||
         (character >= 0xFDD0 && character <= 0xFDEF) || (character & 0xFFFEU) == 0xFFFEU;
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

bool breaks(TextRule rule, std::string_view text) noexcept {
  if (rule == TextRule::any || is_printable_ascii(text)) return false;
  const auto* at = reinterpret_cast<const unsigned char*>(text.data());
  for (std::size_t left = text.size(); left > 0;) {
    const std::size_t length = *at < 0x80 ? 1 : sequence_length(at, left);
    if (length == 0 || is_control_or_none(character_at(at, length))) return true;
    at += length;
    left -= length;
  }
  return false;
}

}  // namespace mqtt
