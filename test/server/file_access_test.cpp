#include "broker/server/file_access.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <sys/stat.h>
#include <unistd.h>

namespace {

using server::FileAccess;
using Content = FileAccess::Content;

/// A file with these permissions, in a folder that goes away with it.
class File {
 public:
  explicit File(mode_t mode, const std::string& name = "users") {
    std::string folder = "/tmp/file_access_test_XXXXXX";
    path_ = std::string(::mkdtemp(folder.data())) + "/" + name;
    std::ofstream(path_) << "secret\n";
    ::chmod(path_.c_str(), mode);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  ~File() { std::filesystem::remove_all(std::filesystem::path(path_).parent_path()); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

FileAccess access(bool refuse) {
  conf::Settings settings;
  settings.refuse_open_secrets = refuse;
  return FileAccess(settings);
}

/// Root gives a file to the group of the broker's user; other users can only close it.
std::string command_for(const std::string& text) {
  return ::geteuid() == 0 ? "chown root:" : "chmod 600 " + text;
}

}  // namespace

TEST_CASE("a secret that everybody may read or change is refused or warned about", "[server]") {
  for (const mode_t mode : {0644U, 0602U, 0666U}) {
    const File file(mode);
    const auto fault = access(true).fault_of(file.path(), Content::secret);
    REQUIRE(fault.has_value());
    CHECK(fault->starts_with(file.path() + ": holds secrets, but everybody may read it; run: " +
                             command_for(file.path())));
    CHECK(access(true).fault_of(file.path(), Content::open) == std::nullopt);
    CHECK(access(true).warning_of(file.path()) == std::nullopt);
    CHECK(access(false).fault_of(file.path(), Content::secret) == std::nullopt);
    CHECK(access(false).warning_of(file.path()) == fault);
  }
}

TEST_CASE("a secret that is closed to everybody is not worth a remark", "[server]") {
  for (const mode_t mode : {0600U, 0640U, 0660U}) {
    const File file(mode);
    CHECK(access(true).fault_of(file.path(), Content::secret) == std::nullopt);
    CHECK(access(false).warning_of(file.path()) == std::nullopt);
  }
  CHECK(access(true).fault_of("/nowhere/users", Content::secret) == std::nullopt);
}

TEST_CASE("a command names a path as a shell takes it", "[server]") {
  const File file(0644, "it's one name");
  const auto fault = access(true).fault_of(file.path(), Content::secret);
  REQUIRE(fault.has_value());
  CHECK(fault->ends_with("/it'\\''s one name'"));
}
