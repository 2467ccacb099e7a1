#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <span>
#include <string>

#include "auth/password_hash.h"

namespace passwd {

/// The task that the user gives.
enum class Action : std::uint8_t {
  help,
  version,
  set,      ///< adds a user or changes a password
  remove,   ///< -D
  upgrade,  ///< -U
  list,
  check,
};

/// A command line, understood.
struct Command {
  Action action = Action::help;
  bool create = false;                  ///< -c
  std::optional<std::string> password;  ///< given on the command line (-b)
  std::optional<auth::HashKind> kind;   ///< -H; nothing: as the passwords that are there
  auth::HashCost cost;
  std::string file;
  std::string user;

  /// -c with the file "-": the user's line goes to standard output.
  [[nodiscard]] bool to_standard_output() const { return create && file == "-"; }
};

/// Reads the arguments behind the program's name: those of mosquitto_passwd, in its order (options
/// first), and "list" and "check". Passwords may begin with '-'.
///
/// Errors    One sentence for the user; in the words of mosquitto_passwd, where it has that error.
[[nodiscard]] std::expected<Command, std::string> read_command(std::span<const std::string> words);

/// The output of --help.
[[nodiscard]] std::string help_text();

}  // namespace passwd
