#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <expected>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/password_hash.h"
#include "auth/secret.h"
#include "auth/text_file.h"
#include "tools/darter-passwd/command.h"
#include "tools/darter-passwd/prompt.h"
#include "tools/darter-passwd/safe_file.h"
#include "tools/darter-passwd/users_text.h"

namespace passwd {
namespace {

constexpr int done = 0;
constexpr int failed = 1;
constexpr int wrong_password = 2;

using Result = std::expected<int, std::string>;

std::unexpected<std::string> error(std::string text) { return std::unexpected(std::move(text)); }

void say(const std::string& text) { (void)std::printf("%s\n", text.c_str()); }
void warn(const std::string& text) {
  (void)std::fprintf(stderr, "darter-passwd: %s\n", text.c_str());
}

bool links_allowed() { return std::getenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS") != nullptr; }

std::expected<auth::Secret, std::string> password_for(const Command& command, bool new_one) {
  if (!command.password) return ask_password(command.user, new_one);
  if (command.password->empty()) return error("the password is empty");
  return auth::Secret(std::string_view(*command.password));
}

/// Reads the users of the file that is to be edited; -c begins with none.
std::expected<UsersText, std::string> users_in(const SafeFile& file, const Command& command) {
  const auto text = file.read();
  if (!text) return error(text.error());
  if (command.create) return UsersText();
  if (!*text) return error(command.file + ": there is no such file; -c makes a new one");
  return UsersText(**text);
}

/// Is there any sense in asking for a password?
std::expected<void, std::string> can_edit(const Command& command) {
  const auto file = SafeFile::open(command.file, links_allowed());
  if (!file) return error(file.error());
  const auto users = users_in(*file, command);
  if (!users) return error(users.error());
  return {};
}

/// Opens the file, lets `change` edit its users, and replaces it.
template <typename Change>
Result edit(const Command& command, Change&& change) {
  const auto file = SafeFile::open(command.file, links_allowed());
  if (!file) return error(file.error());
  auto users = users_in(*file, command);
  if (!users) return error(users.error());
  auto message = change(*users);
  if (!message) return error(message.error());
  if (auto replaced = file->replace(users->text()); !replaced) return error(replaced.error());
  say(*message);
  if (file->is_open_to_all()) {
    warn("everybody may read " + command.file + ", so darter will refuse it; run: chmod o-rwx " +
         command.file);
  }
  return done;
}

Result set(const Command& command) {
  if (auto possible = can_edit(command); !possible) return error(possible.error());
  const auto password = password_for(command, true);
  if (!password) return error(password.error());
  const auto hash = auth::PasswordHash::make(password->text(), command.kind, command.cost);
  if (!hash) return error(hash.error());
  return edit(command, [&](UsersText& users) -> std::expected<std::string, std::string> {
    return (users.set(command.user, hash->text()) ? "Changed the password of user "
                                                  : "Added user ") +
           command.user + ".";
  });
}

Result remove(const Command& command) {
  return edit(command, [&](UsersText& users) -> std::expected<std::string, std::string> {
    if (users.remove(command.user)) return "Deleted user " + command.user + ".";
    return error(command.file + ": there is no user " + command.user);
  });
}

Result upgrade(const Command& command) {
  return edit(command, [&](UsersText& users) -> std::expected<std::string, std::string> {
    std::size_t count = 0;
    const auto changed =
        users.change_hashes([&](std::string_view old) -> std::expected<std::string, std::string> {
          const std::string_view hash = old.substr(0, old.find(':'));
          if (auth::PasswordHash::parse(auth::trimmed(hash))) return std::string(old);
          if (old.empty()) return error("there is no password");
          auto made = auth::PasswordHash::make(old, command.kind, command.cost);
          if (!made) return error(made.error());
          ++count;
          return made->text();
        });
    if (!changed) return error(command.file + ":" + changed.error());
    return "Hashed " + std::to_string(count) + (count == 1 ? " password." : " passwords.");
  });
}

std::expected<std::vector<UsersText::User>, std::string> users_of(const std::string& file) {
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
  if (!users) return error(users.error());
  for (const auto& user : *users) say(user.name + "\t" + kind_of(user));
  return done;
}

Result check(const Command& command) {
  const auto users = users_of(command.file);
  if (!users) return error(users.error());
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
  if (!password) return error(password.error());
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

/// Understands the words and does what they say. Returns the exit status.
int main_of(const std::vector<std::string>& words) {
  const auto command = read_command(words);
  if (!command) {
    warn(command.error() + "; see darter-passwd --help");
    return failed;
  }
  const Result result = run(*command);
  if (result) return *result;
  warn(result.error());
  return failed;
}

}  // namespace
}  // namespace passwd

int main(int argc, char** argv) {
  return passwd::main_of(std::vector<std::string>(argv + 1, argv + argc));
}
