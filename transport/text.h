#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <system_error>

namespace transport {

/// The text of an errno.
[[nodiscard]] inline std::string errno_text(int error) {
  return std::generic_category().message(error);
}

/// Without the blanks and tabs around it, as HTTP has them around a header's value (RFC 9110, 5.5).
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::string_view blanks = " \t";
  text.remove_prefix(std::min(text.find_first_not_of(blanks), text.size()));
  return text.substr(0, text.find_last_not_of(blanks) + 1);
}

}  // namespace transport
