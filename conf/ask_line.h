// conf/ask_line.h
#pragma once

#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/help.h"

namespace conf {

/// A command that asks a running broker: `darter clients`.
///
/// Shape     The question to the broker has the command's name, and one word for each part:
///           "of=OPERAND", "do=CHOICE", and "filter=VALUE" or "delete" for an option.
///           The operands are words with spaces between them: "check" stands for itself, "on|off"
///           is a choice, "ID" a value, and "[FILTER]" one that may be absent.
struct AskCommand {
  std::string_view name;
  std::string_view operands;  ///< empty: it takes none
  std::string_view help;      ///< sentences
  std::span<const ArgumentText> options;
  std::span<const Example> examples;
};

/// Every command, in the order of the help.
[[nodiscard]] std::span<const AskCommand> ask_commands();

/// The options that each of them has besides its own.
[[nodiscard]] std::span<const ArgumentText> ask_common_options();

/// The command of a name, or null.
[[nodiscard]] const AskCommand* find_ask_command(std::string_view name);

/// One call of such a command, checked.
struct AskLine {
  const AskCommand* command = nullptr;
  std::string config_file;         ///< -c; empty: the usual places
  std::vector<std::string> words;  ///< of the question, behind the name
  bool json = false;               ///< --json
  bool help = false;               ///< -h: nothing else counts

  /// The value of a word "NAME=VALUE", or nothing.
  [[nodiscard]] std::string_view value_of(std::string_view name) const;
};

/// Reads the arguments behind the command's name.
///
/// Errors    Every wrong argument, each in one sentence.
[[nodiscard]] std::expected<AskLine, Diagnostics> parse_ask_line(
    const AskCommand& command, std::span<const std::string_view> arguments);

/// The output of darter COMMAND --help.
[[nodiscard]] std::string ask_help_text(const AskCommand& command);

/// "darter kick ID [-c FILE] [--json]"
[[nodiscard]] std::string ask_usage_text(const AskCommand& command);

}  // namespace conf
