#include "tools/darter-passwd/command.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace passwd {
namespace {

using Words = std::span<const std::string>;
using Fault = std::optional<std::string>;

/// The options as written, before their combination is checked.
struct Options {
  bool help = false;
  bool version = false;
  bool batch = false;
  bool create = false;
  bool remove = false;
  bool upgrade = false;
  std::optional<std::string> kind;
  std::optional<std::string> iterations;
};

bool* flag_named(Options& options, std::string_view word) {
  if (word == "-h" || word == "--help") return &options.help;
  if (word == "--version") return &options.version;
  if (word == "-b") return &options.batch;
  if (word == "-c") return &options.create;
  if (word == "-D") return &options.remove;
  if (word == "-U") return &options.upgrade;
  return nullptr;
}

std::optional<std::string>* value_named(Options& options, std::string_view word) {
  if (word == "-H") return &options.kind;
  if (word == "-I") return &options.iterations;
  return nullptr;
}

/// Takes the options off the front of `words`: all up to the first word that is none.
Fault take_options(Options& options, Words& words) {
  while (!words.empty() && words.front().size() > 1 && words.front().front() == '-') {
    const std::string word = words.front();
    words = words.subspan(1);
    if (word == "--") return std::nullopt;
    if (bool* flag = flag_named(options, word)) {
      *flag = true;
      continue;
    }
    auto* value = value_named(options, word);
    if (value == nullptr) return "unknown option " + word + "; see darter-passwd --help";
    if (words.empty()) return word + " argument given but not enough other arguments.";
    *value = words.front();
    words = words.subspan(1);
  }
  return std::nullopt;
}

Fault read_kind(const Options& options, Command& command) {
  if (options.iterations) command.kind = auth::HashKind::sha512_pbkdf2;
  const std::string kind = options.kind.value_or("");
  if (kind == "sha512-pbkdf2") {
    command.kind = auth::HashKind::sha512_pbkdf2;
  } else if (kind == "sha512") {
    command.kind = auth::HashKind::sha512;
  } else if (kind == "argon2id") {
    command.kind = auth::HashKind::argon2id;
  } else if (options.kind) {
    return "Unknown hash type '" + kind + "'; known are argon2id, sha512-pbkdf2 and sha512";
  }
  if (!options.iterations) return std::nullopt;
  if (command.kind != auth::HashKind::sha512_pbkdf2) return "-I goes with -H sha512-pbkdf2";
  const std::string& text = *options.iterations;
  auto& iterations = command.cost.pbkdf2_iterations;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), iterations);
  if (text == "0" || text.starts_with('-')) return "Number of iterations must be > 0.";
  if (fault != std::errc{} || end != text.data() + text.size() || iterations > 10'000'000) {
    return "Number of iterations must be 1 to 10000000, not " + text;
  }
  return std::nullopt;
}

Fault flags_that_quarrel(const Options& options) {
  const auto both = [](bool one, bool other) { return one && other; };
  if (both(options.create, options.remove)) return "-c and -D cannot be used together.";
  if (both(options.create, options.upgrade)) return "-c and -U cannot be used together.";
  if (both(options.remove, options.upgrade)) return "-D and -U cannot be used together.";
  if (both(options.batch, options.remove)) return "-b and -D cannot be used together.";
  if (both(options.batch, options.upgrade)) return "-b and -U cannot be used together.";
  return std::nullopt;
}

std::string words_missing(const Options& options) {
  if (options.create && options.batch) {
    return "-c argument given but password file, username, or password missing.";
  }
  if (options.create) return "-c argument given but password file or username missing.";
  if (options.remove) return "-D argument given but password file or username missing.";
  if (options.upgrade) return "-U argument given but password file missing.";
  return "a file, user or password is missing; see darter-passwd --help";
}

Action action_of(const Options& options, Words& words) {
  if (options.help) return Action::help;
  if (options.version) return Action::version;
  if (options.remove) return Action::remove;
  if (options.upgrade) return Action::upgrade;
  const bool list = words.size() == 2 && words.front() == "list";
  const bool check = words.size() >= 3 && words.front() == "check";
  if (options.create || !(list || check)) return Action::set;
  words = words.subspan(1);
  return list ? Action::list : Action::check;
}

std::size_t words_wanted(const Command& command, bool batch) {
  switch (command.action) {
    case Action::help:
    case Action::version:
      return 0;
    case Action::list:
    case Action::upgrade:
      return 1;
    case Action::remove:
      return 2;
    case Action::set:
    case Action::check:
      break;
  }
  return batch ? 3 : 2;
}

/// A name that a password file can hold: it must come out of a line as it went in.
Fault fault_of_user(std::string_view user) {
  const auto is_control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  if (user.empty()) return "the user name is empty";
  if (user.size() > 65535) return "Username must be less than 65536 characters long.";
  if (std::ranges::any_of(user, is_control)) return "Username must not contain control characters.";
  if (user.contains(':')) return "Username must not contain the ':' character.";
  if (user.starts_with('#')) return "a user name cannot begin with '#', which begins a comment";
  if (user.starts_with(' ') || user.ends_with(' ')) {
    return "a user name cannot begin or end with a space";
  }
  return std::nullopt;
}

}  // namespace

std::expected<Command, std::string> read_command(std::span<const std::string> words) {
  Options options;
  Command command;
  if (auto fault = take_options(options, words)) return std::unexpected(*fault);
  if (auto fault = flags_that_quarrel(options)) return std::unexpected(*fault);
  if (auto fault = read_kind(options, command)) return std::unexpected(*fault);
  command.action = action_of(options, words);
  command.create = options.create;
  const std::size_t wanted = words_wanted(command, options.batch);
  if (wanted == 0) return command;
  if (words.size() < wanted) return std::unexpected(words_missing(options));
  if (words.size() > wanted) {
    return std::unexpected("too many words: \"" + words[wanted] +
                           "\" (a password on the command line needs -b)");
  }
  command.file = words[0];
  if (wanted >= 2) command.user = words[1];
  if (wanted >= 3) command.password = words[2];
  if (wanted >= 2) {
    if (auto fault = fault_of_user(command.user)) return std::unexpected(*fault);
  }
  return command;
}

std::string help_text() {
  return R"(darter-passwd keeps the password file of the darter broker (and of Mosquitto).

Usage: darter-passwd [-c] [-H HASH] [-I N] FILE USER              asks for the password
       darter-passwd [-c] [-H HASH] [-I N] -b FILE USER PASSWORD
       darter-passwd -D FILE USER
       darter-passwd -U [-H HASH] [-I N] FILE
       darter-passwd list FILE
       darter-passwd [-b] check FILE USER [PASSWORD]

  -c         begin a new file; an existing one is replaced; the file - is standard output
  -b         batch: the password stands on the command line (others can see it there)
  -D         delete the user
  -U         hash the passwords of a file in plain text; hashed ones are left alone
  -H HASH    argon2id, sha512-pbkdf2 (Mosquitto 2.0 reads it, too), or sha512 (so does any
             Mosquitto, but whoever gets the file guesses such passwords quickly). By default the
             best that the file's passwords have already, and argon2id if it has none
  -I N       sha512-pbkdf2 with so many iterations (210000)
  -h, --help, --version
  list       print the users, and how their passwords are hashed
  check      is this the user's password?

The password is asked for without showing it, or read from standard input: one line, or two equal
ones. A file is replaced as a whole or not at all; it keeps its owner and mode. A new one can be
read by its owner only; if root makes it in a folder of another group, by that group, too, so that
the broker can read it again at a reload. To use a file that is called "list" or "check", write
./list.

Exit status: 0 done, 1 error (nothing was changed), 2 the two passwords differ (nothing was
changed), or the password is wrong (check).
MOSQUITTO_UNSAFE_ALLOW_SYMLINKS set: FILE may be a symbolic link; else that is an error.

Examples:
  darter-passwd -c /etc/darter/passwd alice        a new file with one user
  darter-passwd /etc/darter/passwd bob             one more, or another password for bob
  darter-passwd -D /etc/darter/passwd bob
  printf '%s' "$SECRET" | darter-passwd /etc/darter/passwd sensor
  darter-passwd -H sha512-pbkdf2 /etc/mosquitto/passwd carol
)";
}

}  // namespace passwd
