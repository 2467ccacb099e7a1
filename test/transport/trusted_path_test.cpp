#include "transport/trusted_path.h"

#include <catch2/catch.hpp>
#include <cerrno>
#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <stdlib.h>
#include <string>
#include <unistd.h>

namespace transport {
namespace {

namespace fs = std::filesystem;

/// Folders: one of root's, and one that belongs to somebody else where the test runs as root.
class Folders {
 public:
  Folders() {
    std::string name = (fs::temp_directory_path() / "darter-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    base_ = name;
    fs::create_directory(base_ / "own");
    fs::create_directory(base_ / "other");
    fs::create_directory(base_ / "private");
    std::ofstream(base_ / "private" / "file") << "secret";
    constexpr uid_t nobody = 65534;
    if (is_root()) CHECK(::chown((base_ / "other").c_str(), nobody, nobody) == 0);
  }
  ~Folders() { fs::remove_all(base_); }
  Folders(const Folders&) = delete;
  Folders& operator=(const Folders&) = delete;

  [[nodiscard]] static bool is_root() { return ::geteuid() == 0; }
  [[nodiscard]] fs::path operator/(const std::string& name) const { return base_ / name; }
  [[nodiscard]] int open(const std::string& name, int flags = O_WRONLY | O_CREAT) const {
    return open_trusted((base_ / name).string(), flags | O_CLOEXEC, 0600).error;
  }
  [[nodiscard]] std::string secret() const {
    std::string text;
    std::ifstream(base_ / "private" / "file") >> text;
    return text;
  }

 private:
  fs::path base_;
};

}  // namespace

TEST_CASE("as root no link of others is followed", "[trusted_path]") {
  const Folders folders;
  const int refused = Folders::is_root() ? ELOOP : 0;
  fs::create_symlink(folders / "private" / "file", folders / "own" / "link");
  fs::create_symlink("../private/file", folders / "own" / "relative");
  fs::create_directory_symlink(folders / "private", folders / "own" / "folder");
  fs::create_symlink(folders / "private" / "file", folders / "other" / "link");
  fs::create_directory_symlink(folders / "private", folders / "other" / "folder");
  CHECK(folders.open("own/link") == 0);
  CHECK(folders.open("own/relative") == 0);
  CHECK(folders.open("own/folder/file") == 0);
  CHECK(folders.open("own/new") == 0);
  CHECK(folders.open("other/new") == 0);
  CHECK(folders.open("other/../own/new") == 0);
  CHECK(folders.open("other/link") == refused);
  CHECK(folders.open("other/folder/file") == refused);
  CHECK(folders.open("other/folder/new") == refused);
  CHECK(folders.open("nowhere/new") == ENOENT);
  CHECK(folders.open("own/new", O_WRONLY | O_CREAT | O_EXCL) == EEXIST);
  REQUIRE(::setenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS", "1", 1) == 0);
  CHECK(folders.open("other/link") == 0);
  REQUIRE(::unsetenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS") == 0);
}

TEST_CASE("as root no file is cut that has another name elsewhere", "[trusted_path]") {
  const Folders folders;
  if (Folders::is_root()) {
    fs::create_hard_link(folders / "private" / "file", folders / "other" / "hard");
    CHECK(folders.open("other/hard", O_WRONLY | O_CREAT | O_TRUNC) == EMLINK);
  }
  CHECK(folders.secret() == "secret");
  fs::remove(folders / "other" / "hard");
  CHECK(folders.open("private/file", O_WRONLY | O_CREAT | O_TRUNC) == 0);
  CHECK(folders.secret().empty());
}

TEST_CASE("the standard streams can be opened by name", "[trusted_path]") {
  CHECK(open_trusted("/dev/stderr", O_WRONLY | O_APPEND | O_CLOEXEC, 0600).error == 0);
  CHECK(open_trusted("/dev/null", O_WRONLY | O_TRUNC | O_CLOEXEC, 0600).error == 0);
}

}  // namespace transport
