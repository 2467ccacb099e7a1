#pragma once

#include <concepts>
#include <cstdio>
#include <string>
#include <string_view>

namespace bench {

inline void append_text(std::string& text, std::string_view part) { text += part; }
inline void append_text(std::string& text, std::integral auto number) {
  text += std::to_string(number);
}
/// Nine digits at most, without zeros at the end.
inline void append_text(std::string& text, double number) {
  char digits[32];
  const int length = std::snprintf(digits, sizeof digits, "%.9g", number);
  text.append(digits, static_cast<std::size_t>(length));
}

/// Texts and numbers in a row: text_of("d", 7) is "d7".
template <typename... Part>
[[nodiscard]] std::string text_of(const Part&... parts) {
  std::string text;
  (append_text(text, parts), ...);
  return text;
}

}  // namespace bench
