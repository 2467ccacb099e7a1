#include "tools/darter-passwd/safe_file.h"

#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <fcntl.h>
#include <filesystem>
#include <grp.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

#include "auth/text_file.h"

namespace passwd {
namespace {

std::unexpected<std::string> system_error(const std::string& path, const std::string& what) {
  return std::unexpected(path + ": " + what + ": " + std::generic_category().message(errno));
}

/// A file beside the real one that is removed again unless it took its place.
class Draft {
 public:
  explicit Draft(const std::string& beside) : path_(beside + ".XXXXXX") {
    file_ = ::mkostemp(path_.data(), O_CLOEXEC);
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  ~Draft() {
    if (file_ < 0) return;
    ::close(file_);
    if (!placed_) ::unlink(path_.c_str());
  }

  [[nodiscard]] bool is_open() const noexcept { return file_ >= 0; }

  [[nodiscard]] bool write(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(file_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(file_) == 0;
  }

  /// For its owner, and for a group to read.
  [[nodiscard]] bool give_to_group(unsigned group) const {
    return ::fchown(file_, static_cast<uid_t>(-1), group) == 0 && ::fchmod(file_, 0640) == 0;
  }

  /// Only a process that may change owners can keep the old owner; others edit only their own
  /// files.
  [[nodiscard]] bool look_like(const struct stat& old) const {
    const bool mine = old.st_uid == ::geteuid() && old.st_gid == ::getegid();
    if (!mine && ::fchown(file_, old.st_uid, old.st_gid) != 0) return false;
    return ::fchmod(file_, old.st_mode & 07777U) == 0;
  }

  [[nodiscard]] bool take_the_place_of(const std::string& path) {
    placed_ = ::rename(path_.c_str(), path.c_str()) == 0;
    return placed_;
  }

 private:
  std::string path_;
  int file_ = -1;
  bool placed_ = false;
};

}  // namespace

std::expected<SafeFile, std::string> SafeFile::open(const std::string& path, bool links_allowed) {
  std::error_code fault;
  std::filesystem::path real(path);
  if (std::filesystem::is_symlink(real, fault)) {
    if (!links_allowed) {
      return std::unexpected(path +
                             ": is a symbolic link; name the file itself, or set "
                             "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS");
    }
    real = std::filesystem::canonical(real, fault);
    if (fault) return std::unexpected(path + ": cannot be followed: " + fault.message());
  }
  const std::string folder = real.has_parent_path() ? real.parent_path().string() : ".";
  const int number = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (number < 0) {
    return std::unexpected("Unable to open file " + path + " for writing. " +
                           std::generic_category().message(errno) + ".");
  }
  while (::flock(number, LOCK_EX) != 0 && errno == EINTR) continue;
  return SafeFile(number, real.string());
}

SafeFile::SafeFile(SafeFile&& other) noexcept
    : folder_(std::exchange(other.folder_, -1)), path_(std::move(other.path_)) {}

SafeFile::~SafeFile() {
  if (folder_ >= 0) ::close(folder_);
}

std::expected<std::optional<std::string>, std::string> SafeFile::read() const {
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0 && errno == ENOENT) return std::nullopt;
  auto text = auth::read_text_file(path_, auth::Privacy::anyone_may_read);
  if (!text) return std::unexpected(std::move(text).error());
  return std::optional(std::move(*text));
}

std::expected<void, std::string> SafeFile::replace(std::string_view text) const {
  struct stat old{};
  const bool exists = ::stat(path_.c_str(), &old) == 0;
  if (exists && !S_ISREG(old.st_mode)) return std::unexpected(path_ + ": is not a regular file");
  Draft draft(path_);  // mkostemp gives it mode 0600
  if (!draft.is_open()) return system_error(path_, "no file can be made beside it");
  if (!draft.write(text)) return system_error(path_, "the new text cannot be written");
  if (exists && !draft.look_like(old)) return system_error(path_, "its owner cannot be kept");
  const auto group = exists ? std::nullopt : group_of_new_file();
  if (group && !draft.give_to_group(*group)) {
    return system_error(path_, "cannot be given to the group of its folder");
  }
  if (!draft.take_the_place_of(path_)) return system_error(path_, "cannot be replaced");
  ::fsync(folder_);  // makes the new name last; some file systems refuse, and need no help
  return {};
}

std::optional<unsigned> SafeFile::group_of_new_file() const {
  struct stat folder{};
  if (::geteuid() != 0 || ::fstat(folder_, &folder) != 0 || folder.st_gid == 0) return std::nullopt;
  return folder.st_gid;
}

bool SafeFile::is_open_to_all() const {
  struct stat status{};
  return ::stat(path_.c_str(), &status) == 0 && (status.st_mode & (S_IROTH | S_IWOTH)) != 0;
}

std::string command_to_close(const std::string& path) {
  // The broker becomes mosquitto, or nobody where there is none.
  const std::string readers = ::getgrnam("mosquitto") != nullptr ? "mosquitto" : "nogroup";
  return "chown root:" + readers + " " + path + " && chmod 640 " + path;
}

}  // namespace passwd
