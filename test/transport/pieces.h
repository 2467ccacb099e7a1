// test/transport/pieces.h
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace transport {

/// The ways in which a stream may be cut: whole, in halves, byte by byte, in threes.
enum class Cut { whole, halves, bytes, threes };

inline std::vector<std::string> pieces(std::string_view text, Cut cut) {
  std::size_t step = 1;
  if (cut == Cut::whole) step = text.size();
  if (cut == Cut::halves) step = (text.size() + 1) / 2;
  if (cut == Cut::threes) step = 3;
  std::vector<std::string> result;
  while (!text.empty()) {
    result.emplace_back(text.substr(0, step));
    text.remove_prefix(result.back().size());
  }
  return result;
}

}  // namespace transport
