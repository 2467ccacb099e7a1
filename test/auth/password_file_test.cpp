#include "auth/password_file.h"

#include <catch2/catch.hpp>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace {

using auth::Match;
using auth::PasswordFile;

const std::string of_secret =
    "$6$MTIzNDU2Nzg5MDEy$bZfv+whQZ/1yDdVb4P8BlqyS8z1Prbr7t+3w6UFsmNp85Hwi9Z3NMZAjHkW9nrd/"
    "yW54ZokD+1OkposE5KV3SA==";
const std::string of_hunter2 =
    "$7$101$oFWvAjhjbE4D0aft$+KT2MtUegeYU8fPkbvwEncup0tuNeYOu1gYeUks1UTmFlKG2Pzscvcmn4GUeLCdxjBNvqy"
    "X4RuCJtO6ba5qsJA==";

bool logs_in(const PasswordFile& file, const std::string& user, const std::string& password) {
  const auth::PasswordHash* hash = file.find(user);
  return hash != nullptr && hash->verify(password) == Match::yes;
}

PasswordFile parsed(const std::string& text) {
  auto file = PasswordFile::parse(text, "users");
  INFO(text);
  REQUIRE(file.has_value());
  return std::move(*file);
}

/// A file in a folder of its own that goes away with it.
class TemporaryFile {
 public:
  TemporaryFile(const std::string& text, mode_t mode) {
    std::string name = "/tmp/auth_test_XXXXXX";
    folder_ = ::mkdtemp(name.data());
    std::ofstream(path()) << text;
    ::chmod(path().c_str(), mode);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() {
    ::unlink(path().c_str());
    ::rmdir(folder_.c_str());
  }
  [[nodiscard]] std::string path() const { return folder_ + "/users"; }

 private:
  std::string folder_;
};

}  // namespace

TEST_CASE("lines of a password file are read as mosquitto 2.0.11 reads them", "[password_file]") {
  const auto [text, user, expected] = GENERATE(table<std::string, std::string, bool>({
      {"alice:HASH\n", "alice", true},
      {"alice:HASH", "alice", true},
      {"alice:HASH\r\n", "alice", true},
      {"  alice :HASH \n", "alice", true},
      {"  alice :HASH \n", "  alice ", false},
      {"\n\n\r\nalice:HASH\n", "alice", true},
      {"#alice:HASH\n", "alice", false},
      {"#alice:HASH\n", "#alice", false},
      {"no colon here\nalice:HASH\n", "alice", true},
      {"alice:HASH:more:of it\n", "alice", true},
      {"alice:OTHER\nalice:HASH\n", "alice", true},
      {"alice:HASH\nalice:OTHER\n", "alice", false},
      {"two words:HASH\n", "two words", true},
      {"", "alice", false},
  }));
  std::string lines = text;
  for (const auto& [word, hash] : {std::pair{"HASH", of_secret}, {"OTHER", of_hunter2}}) {
    for (std::size_t at = 0; (at = lines.find(word, at)) != std::string::npos; at += hash.size()) {
      lines.replace(at, std::string(word).size(), hash);
    }
  }
  CAPTURE(text, user);
  CHECK(logs_in(parsed(lines), user, "secret") == expected);
}

TEST_CASE("every bad line is named with file and line", "[password_file]") {
  const auto file = PasswordFile::parse(
      "alice:" + of_secret + "\nbob:plain\n\n:" + of_secret + "\ncarol:$7$0$AAAA$AAAA\n",
      "/etc/users");
  REQUIRE_FALSE(file.has_value());
  CHECK_THAT(file.error(), Catch::Contains("/etc/users:2: user bob: the password is not hashed"));
  CHECK_THAT(file.error(), Catch::Contains("\n/etc/users:4: there is no user name"));
  CHECK_THAT(file.error(), Catch::Contains("\n/etc/users:5: user carol: PBKDF2 iterations"));
  CHECK_THAT(file.error(), !Catch::Contains("AAAA"));
}

TEST_CASE("a byte order mark is no part of the first user's name", "[password_file]") {
  const auto file = PasswordFile::parse(
      "\xEF\xBB\xBF"
      "alice:" +
          of_secret + "\n",
      "users");
  REQUIRE(file.has_value());
  CHECK(file->users() == std::vector<std::string>{"alice"});
  const auto comment = PasswordFile::parse("\xEF\xBB\xBF# alice: x\n", "users");
  REQUIRE(comment.has_value());
  CHECK(comment->size() == 0);
}

TEST_CASE("a user with several lines is warned about, and the last line holds", "[password_file]") {
  const auto file =
      PasswordFile::parse("alice:" + of_secret + "\nbob:" + of_secret + "\n alice :" + of_hunter2 +
                              "\nalice:" + of_secret + "\n",
                          "/etc/users");
  REQUIRE(file.has_value());
  CHECK(file->find("alice")->text() == of_secret);
  REQUIRE(file->warnings().size() == 2);
  CHECK(file->warnings()[0].starts_with("/etc/users:3: user alice has a line already, 1;"));
  CHECK(file->warnings()[1].starts_with("/etc/users:4: user alice has a line already, 3;"));
}

TEST_CASE("a password file that everybody may read is refused if it is to be secret",
          "[password_file]") {
  const auto [mode, accepted] = GENERATE(table<mode_t, bool>(
      {{0600, true}, {0640, true}, {0660, true}, {0644, false}, {0604, false}, {0602, false}}));
  const TemporaryFile file("alice:" + of_secret + "\n", mode);
  const auto loaded = PasswordFile::load(file.path(), auth::Privacy::secret);
  CAPTURE(mode);
  CHECK(loaded.has_value() == accepted);
  if (!accepted) CHECK_THAT(loaded.error(), Catch::Contains("holds secrets"));
  CHECK(PasswordFile::load(file.path(), auth::Privacy::anyone_may_read).has_value());
}

TEST_CASE("a password file that cannot be read says so", "[password_file]") {
  const auto missing = PasswordFile::load("/nowhere/users", auth::Privacy::secret);
  REQUIRE_FALSE(missing.has_value());
  CHECK(missing.error() == "/nowhere/users: cannot be opened: No such file or directory");
  const auto folder = PasswordFile::load("/tmp", auth::Privacy::secret);
  REQUIRE_FALSE(folder.has_value());
  CHECK(folder.error() == "/tmp: is not a regular file");
}

TEST_CASE("the decoy costs what most users' hashes cost", "[password_file]") {
  const PasswordFile file = parsed("a:" + of_secret + "\nb:" + of_hunter2 + "\nc:" + of_hunter2);
  CHECK(file.decoy().cost_text() == "$7$101$");
  CHECK(parsed("").decoy().cost_text() == "$argon2id$v=19$m=19456,t=2,p=1$");
}

TEST_CASE("users who are gone or have another password are found", "[password_file]") {
  const PasswordFile old = parsed("a:" + of_secret + "\nb:" + of_secret + "\nc:" + of_secret);
  const PasswordFile now = parsed("d:" + of_secret + "\nb:" + of_secret + "\nc:" + of_hunter2);
  CHECK(old.changed_in(now) == std::vector<std::string>{"a", "c"});
  CHECK(old.changed_in(old).empty());
  CHECK(now.users() == std::vector<std::string>{"b", "c", "d"});
}

TEST_CASE("the role of an administrator stands behind the hash", "[password_file]") {
  const std::string text =
      "ann:" + of_secret + ":admin\nbob:" + of_secret + ": read-only \neve:" + of_secret + "\n";
  const auto file = PasswordFile::parse(text, "admins", PasswordFile::Roles::read);
  REQUIRE(file);
  CHECK(file->role_of("ann") == auth::Role::admin);
  CHECK(file->role_of("bob") == auth::Role::read_only);
  CHECK(file->role_of("eve") == auth::Role::read_only);
  CHECK(file->role_of("nobody") == auth::Role::read_only);
  CHECK(logs_in(*file, "ann", "secret"));
  // Of two lines the last holds, with its role.
  const auto twice =
      PasswordFile::parse(text + "ann:" + of_secret + "\n", "admins", PasswordFile::Roles::read);
  REQUIRE(twice);
  CHECK(twice->role_of("ann") == auth::Role::read_only);
  const auto wrong =
      PasswordFile::parse("ann:" + of_secret + ":root\n", "admins", PasswordFile::Roles::read);
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error() == "admins:1: user ann: a role is admin or read-only, not 'root'");
  // Elsewhere Mosquitto's rule holds: the text is ignored.
  CHECK(parsed(text + "x:" + of_secret + ":root\n").role_of("ann") == auth::Role::read_only);
}
