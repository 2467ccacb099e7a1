#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>

#include "conf/command_line.h"

namespace conf {

/// The arguments of darter explain, checked.
struct ExplainLine {
  std::string event;  ///< empty: all of them
  bool json = false;
  bool help = false;
};

/// Reads the arguments behind "explain". Whether there is such an event is not looked at.
///
/// Errors    Every wrong argument, each in one sentence.
[[nodiscard]] std::expected<ExplainLine, Diagnostics> parse_explain_line(
    std::span<const std::string_view> arguments);

/// The options of darter explain.
[[nodiscard]] std::span<const ArgumentText> explain_options();

}  // namespace conf
