#pragma once

#include <algorithm>
#include <cctype>
#include <string_view>

namespace shell {

/// Whether two words of ASCII are the same in capital or small letters.
[[nodiscard]] inline bool same_word(std::string_view one, std::string_view other) {
  return std::ranges::equal(one, other, [](char a, char b) {
    return std::tolower(static_cast<unsigned char>(a)) ==
           std::tolower(static_cast<unsigned char>(b));
  });
}

}  // namespace shell
