// broker/core/text.h
#pragma once

#include <cstddef>
#include <initializer_list>
#include <string>
#include <string_view>

namespace broker {

/// Puts pieces of a log line together in one allocation.
[[nodiscard]] inline std::string concat(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  std::string text;
  text.reserve(size);
  for (const std::string_view piece : pieces) text += piece;
  return text;
}

/// The part of a client's text that a log line shows: 200 bytes at most, and "..." behind them if
/// that is not all. A character of UTF-8 stays whole.
[[nodiscard]] inline std::string cut(std::string_view text) {
  constexpr std::size_t bytes_max = 200;
  if (text.size() <= bytes_max) return std::string(text);
  std::size_t end = bytes_max;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "...";
}

}  // namespace broker
