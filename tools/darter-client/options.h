#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "tools/darter-client/settings.h"

namespace shell {

/// The lines for standard error if an option is refused, as Mosquitto's tools print them.
using Fault = std::optional<std::string>;

[[nodiscard]] inline Fault fault_line(std::string text) {
  return "Error: " + std::move(text) + "\n";
}
/// Most errors of options end with an empty line.
[[nodiscard]] inline Fault fault_lines(std::string text) {
  return "Error: " + std::move(text) + "\n\n";
}

/// One option of the tools: the parser, --help and the manual pages' test go by this table.
struct Option {
  enum class Kind : std::uint8_t {
    flag,          ///< no argument
    value,         ///< one argument
    property,      ///< -D: three or four
    options_file,  ///< -o, which is read before the others
    help,
    version,
  };

  Kind kind = Kind::flag;
  unsigned tools = 0;             // bits of Tool
  std::string_view short_name{};  // "-h"; may be empty
  std::string_view long_name{};   // "--host"; may be empty
  std::string_view argument{};    // "HOST", for help
  std::string_view missing{};     // the error if the argument is missing
  Fault (*apply)(Settings& settings, const std::string& value) = nullptr;
  std::string_view help{};
};

/// All options, in the order of --help.
[[nodiscard]] std::span<const Option> options();

/// Returns   Null if the tool has no option of that name.
[[nodiscard]] const Option* option_named(Tool tool, std::string_view name);

}  // namespace shell
