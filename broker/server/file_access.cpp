#include "broker/server/file_access.h"

#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <pwd.h>
#include <string_view>
#include <sys/stat.h>
#include <unistd.h>

#include "broker/core/text.h"
#include "broker/server/process.h"
#include "transport/descriptor.h"

namespace server {
namespace {

using broker::concat;

bool is_open_to_all(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0 || !S_ISREG(status.st_mode)) return false;
  return (status.st_mode & (S_IROTH | S_IWOTH)) != 0;
}

/// As a shell takes it for one word.
std::string shell_word(const std::string& path) {
  constexpr std::string_view plain =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./+,:@%";
  if (path.find_first_not_of(plain) == path.npos) return path;
  std::string word = "'";
  for (const char letter : path) word += letter == '\'' ? "'\\''" : std::string(1, letter);
  return word + "'";
}

/// The folder on the way to `path`, links followed, that may not be searched. Empty: there is none.
std::string closed_folder(const std::string& path) {
  std::array<char, PATH_MAX> reached{};
  if (::realpath(path.c_str(), reached.data()) != nullptr || errno != EACCES) return "";
  // glibc leaves out the parts that it could not examine.
  return std::filesystem::path(reached.data()).parent_path().string();
}

}  // namespace

FileAccess::FileAccess(const conf::Settings& settings)
    : refuse_open_secrets_(settings.refuse_open_secrets), is_root_(::geteuid() == 0) {
  const passwd* const user = is_root_ ? broker_user(settings.user) : ::getpwuid(::geteuid());
  reader_uid_ = user != nullptr ? user->pw_uid : ::geteuid();
  stays_root_ = reader_uid_ == 0;
  reader_ = user != nullptr ? user->pw_name : settings.user;
  const gid_t gid = user != nullptr ? user->pw_gid : ::getegid();
  const group* const readers = ::getgrgid(gid);
  group_ = readers != nullptr ? readers->gr_name : std::to_string(gid);
}

std::optional<std::string> FileAccess::fault_of(const std::string& path, Content content) const {
  const transport::Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!file) return errno == EACCES ? std::optional(denial_of(path)) : std::nullopt;
  if (content == Content::open || !refuse_open_secrets_ || !is_open_to_all(path)) {
    return std::nullopt;
  }
  return concat({path, ": holds secrets, but everybody may read it; run: ", command_for(path)});
}

std::optional<std::string> FileAccess::warning_of(const std::string& path) const {
  if (refuse_open_secrets_ || !is_open_to_all(path)) return std::nullopt;
  return concat({path, ": holds secrets, but everybody may read it; run: ", command_for(path)});
}

std::string FileAccess::denial_of(const std::string& path) const {
  const std::string folder = closed_folder(path);
  if (folder.empty()) {
    return concat({path, ": user ", reader_, " may not read it; run: ", command_for(path)});
  }
  const std::string word = shell_word(folder);
  return concat({path, ": user ", reader_, " may not search the folder ", folder, "; run: chgrp ",
                 group_, " ", word, " && chmod g+x ", word, " && ", command_for(path),
                 "   (darter doctor, as root, names all that is in the way)"});
}

/// A file of the user that reads it needs another mode only; so does one that root reads.
std::string FileAccess::command_for(const std::string& path) const {
  const std::string word = shell_word(path);
  struct stat status{};
  const bool known = ::stat(path.c_str(), &status) == 0;
  if (stays_root_ || (!is_root_ && known && status.st_uid == reader_uid_)) {
    return concat({"chmod 600 ", word});
  }
  return concat({"chown root:", group_, " ", word, " && chmod 640 ", word});
}

}  // namespace server
