#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "tools/darter-client/options.h"
#include "tools/darter-client/settings.h"

namespace shell {

/// Why there are no settings.
struct NoSettings {
  enum class Why : std::uint8_t { help, version, refused };
  Why why = Why::refused;
  std::string text{};  // for standard error, with its line ends
};

/// The part of the environment that the tools look at.
struct Environment {
  std::optional<std::string> config_home{};  // XDG_CONFIG_HOME
  std::optional<std::string> home{};         // HOME
};

/// Reads the arguments behind the program's name, and before them the file of options: that of -o,
/// else the tool's own in the user's folder (darter-pub), else that of Mosquitto's tool
/// (mosquitto_pub).
///
/// Errors    Mosquitto's, in its words.
[[nodiscard]] std::expected<Settings, NoSettings> read_command_line(
    Tool tool, std::span<const std::string> words, const Environment& environment);

/// Takes the options off `words`, one by one.
///
/// Errors    As read_command_line().
[[nodiscard]] std::expected<void, NoSettings> take_options(Settings& settings,
                                                           std::span<const std::string> words);

/// Takes the options of a file: one each line, its argument behind a blank as it stands; lines that
/// begin with '#' are comments.
[[nodiscard]] std::expected<void, NoSettings> take_options_text(Settings& settings,
                                                                std::string_view text);

/// Checks that the options go together, and settles the values that follow from them.
[[nodiscard]] Fault check_settings(Settings& settings);

}  // namespace shell
