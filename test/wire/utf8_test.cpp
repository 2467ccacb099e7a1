#include "broker/wire/utf8.h"

#include <catch2/catch.hpp>

using mqtt::breaks;
using mqtt::is_utf8_string;
using mqtt::TextRule;

namespace {

/// The sequence `character` at every place of texts long enough for each step of the fast path.
bool allowed_everywhere(std::string_view character) {
  std::size_t allowed = 0;
  for (std::size_t before = 0; before < 20; ++before) {
    for (std::size_t after = 0; after < 20; ++after) {
      const std::string text =
          std::string(before, 'a').append(character).append(std::string(after, 'b'));
      if (is_utf8_string(text)) ++allowed;
    }
  }
  CHECK((allowed == 0 || allowed == 400));
  return allowed == 400;
}

std::string encoded(unsigned code_point) {
  const auto trail = [&](unsigned shift) {
    return static_cast<char>(0x80U | (code_point >> shift & 0x3FU));
  };
  if (code_point < 0x80) return {static_cast<char>(code_point)};
  if (code_point < 0x800) return {static_cast<char>(0xC0U | code_point >> 6U), trail(0)};
  if (code_point < 0x1'0000) {
    return {static_cast<char>(0xE0U | code_point >> 12U), trail(6), trail(0)};
  }
  return {static_cast<char>(0xF0U | code_point >> 18U), trail(12), trail(6), trail(0)};
}

}  // namespace

TEST_CASE("strings are well-formed UTF-8 without surrogates [MQTT-1.5.4-1] [MQTT3-1.5.3-1]",
          "[utf8]") {
  const auto [sequence, allowed] = GENERATE(table<std::string, bool>({
      {"", true},
      {"~", true},
      {"\x7F", true},
      {"\xC2\x80", true},
      {"\xDF\xBF", true},
      {"\xE0\xA0\x80", true},
      {"\xED\x9F\xBF", true},
      {"\xEE\x80\x80", true},
      {"\xEF\xBF\xBF", true},  // a non-character: "should not" is no reason to refuse
      {"\xF0\x90\x80\x80", true},
      {"\xF4\x8F\xBF\xBF", true},
      {"\x80", false},  // begins in the middle
      {"\xBF", false},
      {"\xC2", false},  // cut short
      {"\xE2\x82", false},
      {"\xF0\x9F\x90", false},
      {"\xC0\x80", false},  // overlong
      {"\xC1\xBF", false},
      {"\xE0\x9F\xBF", false},
      {"\xF0\x8F\xBF\xBF", false},
      {"\xED\xA0\x80", false},  // surrogates
      {"\xED\xBF\xBF", false},
      {"\xF4\x90\x80\x80", false},  // beyond U+10FFFF
      {"\xF5\x80\x80\x80", false},
      {"\xFE", false},
      {"\xFF", false},
      {"\xE2\x28\xA1", false},  // second, third, fourth byte is none
      {"\xE2\x82\x28", false},
      {"\xF0\x9F\x90\x28", false},
  }));
  CAPTURE(sequence);
  CHECK(allowed_everywhere(sequence) == allowed);
}

TEST_CASE("strings hold no U+0000 [MQTT-1.5.4-2] [MQTT3-1.5.3-2]", "[utf8]") {
  CHECK_FALSE(allowed_everywhere(std::string_view("\0", 1)));
  CHECK(allowed_everywhere("\x01"));
}

TEST_CASE("a byte order mark is a character as any other [MQTT-1.5.4-3] [MQTT3-1.5.3-3]",
          "[utf8]") {
  CHECK(allowed_everywhere("\xEF\xBB\xBF"));
}

TEST_CASE("every code point but U+0000 and the surrogates is allowed", "[utf8]") {
  std::size_t wrong = 0;
  for (unsigned code_point = 0; code_point <= 0x10'FFFF; ++code_point) {
    const bool surrogate = code_point >= 0xD800 && code_point <= 0xDFFF;
    if (is_utf8_string(encoded(code_point)) != (code_point != 0 && !surrogate)) ++wrong;
  }
  CHECK(wrong == 0);
}

TEST_CASE("a rule keeps out control characters and non-characters (section 1.5.4)", "[utf8]") {
  std::size_t wrong = 0;
  for (unsigned code_point = 1; code_point <= 0x10'FFFF; ++code_point) {
    if (code_point >= 0xD800 && code_point <= 0xDFFF) continue;
    const bool control = code_point <= 0x1F || (code_point >= 0x7F && code_point <= 0x9F);
    const bool none = (code_point >= 0xFDD0 && code_point <= 0xFDEF) ||
                      (code_point & 0xFFFF) == 0xFFFE || (code_point & 0xFFFF) == 0xFFFF;
    const std::string text = "a" + encoded(code_point) + "b";
    if (breaks(TextRule::no_control_characters, text) != (control || none)) ++wrong;
    if (breaks(TextRule::any, text)) ++wrong;
  }
  CHECK(wrong == 0);
  CHECK_FALSE(breaks(TextRule::no_control_characters, ""));
}

TEST_CASE("a control character is found at every place of texts of every length", "[utf8]") {
  for (std::size_t size = 1; size <= 40; ++size) {
    const std::string good(size, '~');
    CHECK_FALSE(breaks(TextRule::no_control_characters, good));
    for (std::size_t place = 0; place < size; ++place) {
      for (const char control : {'\x01', '\x1F', '\x7F'}) {
        std::string bad = good;
        bad[place] = control;
        CHECK(breaks(TextRule::no_control_characters, bad));
      }
      std::string bad = good;
      bad.replace(place, 1, "\xC2\x80");
      CHECK(breaks(TextRule::no_control_characters, bad));
      bad.replace(place, 2, "\xC3\xA4");
      CHECK_FALSE(breaks(TextRule::no_control_characters, bad));
    }
  }
}
