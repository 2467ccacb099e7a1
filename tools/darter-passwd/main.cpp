#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/password_hash.h"
#include "auth/text_file.h"
#include "broker/core/secret.h"
#include "tools/darter-passwd/command.h"
#include "tools/darter-passwd/prompt.h"
#include "tools/darter-passwd/safe_file.h"
#include "tools/darter-passwd/users_text.h"

namespace passwd {
namespace {

constexpr int done = 0;
constexpr int failed = 1;
constexpr int wrong_password = 2;  // that two passwords differ is 2 with mosquitto_passwd, too

/// The text on standard error, and the exit status.
///
/// Invariant  Begins as it does with mosquitto_passwd, where that has the same to say: scripts
/// look.
struct Failure {
  std::string text;
  int status = failed;
  std::string_view heading = "Error: ";
};

using Result = std::expected<int, Failure>;

std::unexpected<Failure> error(std::string text) {
  return std::unexpected(Failure{.text = std::move(text)});
}

void say(const std::string& text) { (void)std::printf("%s\n", text.c_str()); }
void complain(std::string_view heading, const std::string& text) {
  (void)std::fprintf(stderr, "%s%s\n", std::string(heading).c_str(), text.c_str());
}
void warn(const std::string& text) { complain("Warning: ", text); }

bool links_allowed() { return std::getenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS") != nullptr; }

std::expected<broker::Secret, Failure> password_for(const Command& command, bool new_one) {
  if (!command.password) {
    auto typed = ask_password(command.user, new_one);
    if (typed) return std::move(*typed);
    const int status = typed.error().passwords_differ ? wrong_password : failed;
    return std::unexpected(Failure{.text = typed.error().text, .status = status});
  }
  if (command.password->empty()) return error("Empty password.");
  return broker::Secret(std::string_view(*command.password));
}

/// Reads the users of the file that is to be edited; -c begins with none.
std::expected<UsersText, Failure> users_in(const SafeFile& file, const Command& command) {
  const auto text = file.read();
  if (!text) return error(text.error());
  if (command.create) return UsersText();
  if (!*text) {
    return error("Unable to open password file " + command.file +
                 ". No such file or directory; -c makes a new one");
  }
  return UsersText(**text);
}

/// A file that is held for editing, and its users.
struct Opened {
  SafeFile file;
  UsersText users;
};

std::expected<Opened, Failure> open_users(const Command& command) {
  auto file = SafeFile::open(command.file, links_allowed());
  if (!file) return error(file.error());
  auto users = users_in(*file, command);
  if (!users) return std::unexpected(std::move(users).error());
  return Opened{std::move(*file), std::move(*users)};
}

/// How new passwords are hashed: as -H says, else in the best of the ways in which the file has
/// some already. Its broker reads those; Mosquitto 2.0 reads no argon2id.
auth::HashKind kind_for(const Command& command, const UsersText& users) {
  if (command.kind) return *command.kind;
  std::optional<auth::HashKind> best;
  for (const UsersText::User& user : users.users()) {
    const auto hash = auth::PasswordHash::parse(user.hash);
    if (hash) best = std::max(best.value_or(hash->kind()), hash->kind());
  }
  if (best == auth::HashKind::sha512) {
    warn(
        "the passwords of this file are hashed with sha512, which is guessed quickly, and so is "
        "this one; -H sha512-pbkdf2 is better, and Mosquitto reads it from 2.0 on");
  }
  return best.value_or(auth::HashKind::argon2id);
}

/// Opens the file, lets `change` edit its users, and replaces it.
template <typename Change>
Result edit(const Command& command, Change&& change) {
  auto opened = open_users(command);
  if (!opened) return std::unexpected(std::move(opened).error());
  auto& [file, users] = *opened;
  auto message = change(users);
  if (!message) return std::unexpected(std::move(message).error());
  if (auto replaced = file.replace(users.text()); !replaced) return error(replaced.error());
  say(*message);
  if (file.is_open_to_all()) {
    warn("File " + command.file +
         " has world readable permissions: darter warns of it with a mosquitto.conf, and refuses "
         "it with a darter.toml. To fix this, use `" +
         command_to_close(command.file) + "`.");
  }
  return done;
}

Result print_line(const Command& command) {
  const auto password = password_for(command, true);
  if (!password) return std::unexpected(password.error());
  const auto hash =
      auth::PasswordHash::make(password->text(), kind_for(command, UsersText()), command.cost);
  if (!hash) return error(hash.error());
  say(command.user + ":" + hash->text());
  return done;
}

/// The scheme of a new password. Fails before the password is asked for if the file cannot be
/// edited, and lets go of the file again: the user may take a while.
std::expected<auth::HashKind, Failure> find_kind(const Command& command) {
  const auto opened = open_users(command);
  if (!opened) return std::unexpected(opened.error());
  return kind_for(command, opened->users);
}

Result set(const Command& command) {
  if (command.to_standard_output()) return print_line(command);
  const auto kind = find_kind(command);
  if (!kind) return std::unexpected(kind.error());
  const auto password = password_for(command, true);
  if (!password) return std::unexpected(password.error());
  const auto hash = auth::PasswordHash::make(password->text(), *kind, command.cost);
  if (!hash) return error(hash.error());
  return edit(command, [&](UsersText& users) -> std::expected<std::string, Failure> {
    const bool known = users.set(command.user, hash->text());
    return (known ? "Updating password for user " : "Adding password for user ") + command.user;
  });
}

Result remove(const Command& command) {
  return edit(command, [&](UsersText& users) -> std::expected<std::string, Failure> {
    if (users.remove(command.user)) return "Deleted user " + command.user + ".";
    return std::unexpected(Failure{.text = "User " + command.user + " not found in password file.",
                                   .heading = "Warning: "});
  });
}

Result upgrade(const Command& command) {
  return edit(command, [&](UsersText& users) -> std::expected<std::string, Failure> {
    const auth::HashKind kind = kind_for(command, users);
    std::size_t count = 0;
    const auto changed =
        users.change_hashes([&](std::string_view old) -> std::expected<std::string, std::string> {
          const std::string_view hash = old.substr(0, old.find(':'));
          if (auth::PasswordHash::parse(auth::trimmed(hash))) return std::string(old);
          if (old.empty()) return std::unexpected("there is no password");
          auto made = auth::PasswordHash::make(old, kind, command.cost);
          if (!made) return std::unexpected(std::move(made).error());
          ++count;
          return made->text();
        });
    if (!changed) {
      const std::string line = std::to_string(changed.error().line);
      return error("Corrupt password file at line " + line + ". " + command.file + ":" + line +
                   ": " + changed.error().what);
    }
    return "Hashed " + std::to_string(count) + (count == 1 ? " password." : " passwords.");
  });
}

std::expected<std::vector<UsersText::User>, Failure> users_of(const std::string& file) {
  const auto text = auth::read_text_file(file, auth::Privacy::anyone_may_read);
  if (!text) return error(text.error());
  return UsersText(*text).users();
}

std::string kind_of(const UsersText::User& user) {
  const auto hash = auth::PasswordHash::parse(user.hash);
  if (!hash) return "unusable: " + hash.error();
  switch (hash->kind()) {
    case auth::HashKind::sha512:
      return "sha512";
    case auth::HashKind::sha512_pbkdf2:
      return "sha512-pbkdf2";
    case auth::HashKind::argon2id:
      break;
  }
  return "argon2id";
}

Result list(const Command& command) {
  const auto users = users_of(command.file);
  if (!users) return std::unexpected(users.error());
  for (const auto& user : *users) say(user.name + "\t" + kind_of(user));
  return done;
}

Result check(const Command& command) {
  const auto users = users_of(command.file);
  if (!users) return std::unexpected(users.error());
  const UsersText::User* found = nullptr;
  for (const auto& user : *users) {
    if (user.name == command.user) found = &user;
  }
  if (found == nullptr) return error(command.file + ": there is no user " + command.user);
  const auto hash = auth::PasswordHash::parse(found->hash);
  if (!hash) {
    return error(command.file + ":" + std::to_string(found->line) + ": " + hash.error());
  }
  const auto password = password_for(command, false);
  if (!password) return std::unexpected(password.error());
  switch (hash->verify(password->text())) {
    case auth::Match::yes:
      say("The password is right.");
      return done;
    case auth::Match::no:
      say("The password is wrong.");
      return wrong_password;
    case auth::Match::failed:
      break;
  }
  return error("the hash could not be computed: not enough memory");
}

Result run(const Command& command) {
  switch (command.action) {
    case Action::set:
      return set(command);
    case Action::remove:
      return remove(command);
    case Action::upgrade:
      return upgrade(command);
    case Action::list:
      return list(command);
    case Action::check:
      return check(command);
    case Action::version:
      say("darter-passwd " DARTER_VERSION);
      return done;
    case Action::help:
      break;
  }
  (void)std::fputs(help_text().c_str(), stdout);
  return done;
}

/// Parses the words and executes the command. Returns the exit status.
int main_of(const std::vector<std::string>& words) {
  const auto command = read_command(words);
  if (!command) {
    complain("Error: ", command.error());
    return failed;
  }
  const Result result = run(*command);
  if (result) return *result;
  complain(result.error().heading, result.error().text);
  return result.error().status;
}

}  // namespace
}  // namespace passwd

int main(int argc, char** argv) {
  return passwd::main_of(std::vector<std::string>(argv + 1, argv + argc));
}
