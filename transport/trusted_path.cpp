#include "transport/trusted_path.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <utility>

namespace transport {
namespace {

constexpr const char* allow_variable = "MOSQUITTO_UNSAFE_ALLOW_SYMLINKS";
constexpr int folder_flags = O_PATH | O_DIRECTORY | O_CLOEXEC;
constexpr int links_max = 40;  // as the kernel has it

/// Whether root alone can put a name there. In a folder such as /tmp others can add names.
bool is_roots_own(int folder) {
  struct stat status{};
  return ::fstat(folder, &status) == 0 && status.st_uid == 0 &&
         (status.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/// The links of /proc lead to a process's open files, not to the path in them.
bool is_proc(int folder) {
  struct statfs system{};
  return ::fstatfs(folder, &system) == 0 && system.f_type == PROC_SUPER_MAGIC;
}

/// Takes the first name off a path.
std::string take_name(std::string& path) {
  path.erase(0, std::min(path.find_first_not_of('/'), path.size()));
  std::string name = path.substr(0, path.find('/'));
  path.erase(0, name.size());
  return name;
}

OpenedFile failed(int error) { return {Descriptor(), error}; }

/// Goes from folder to folder, and looks at each link before it is followed.
class Walk {
 public:
  Walk(std::string path, int flags, mode_t mode)
      : rest_(std::move(path)), flags_(flags), mode_(mode) {}

  [[nodiscard]] OpenedFile run() {
    if (!enter(rest_.starts_with('/') ? "/" : ".")) return failed(errno);
    while (true) {
      const std::string name = take_name(rest_);
      if (name.empty()) return failed(EISDIR);
      struct stat status{};
      const bool is_there =
          ::fstatat(folder_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
      const bool is_last = rest_.find_first_not_of('/') == std::string::npos;
      if (is_there && S_ISLNK(status.st_mode)) {
        if (!is_roots_own(folder_.get()) || ++links_ > links_max) return failed(ELOOP);
        if (is_last && is_proc(folder_.get())) return open(name, 0);
        if (!follow(name)) return failed(errno);
      } else if (is_last) {
        return open(name, O_NOFOLLOW);
      } else if (!enter(name)) {
        return failed(errno);
      }
    }
  }

 private:
  [[nodiscard]] bool enter(const std::string& name) {
    const int from = folder_ ? folder_.get() : AT_FDCWD;
    Descriptor next(::openat(from, name.c_str(), folder_flags | (folder_ ? O_NOFOLLOW : 0)));
    if (!next) return false;
    folder_ = std::move(next);
    return true;
  }

  [[nodiscard]] bool follow(const std::string& name) {
    std::array<char, PATH_MAX> target{};
    const ssize_t size = ::readlinkat(folder_.get(), name.c_str(), target.data(), target.size());
    if (size <= 0) return false;
    rest_ = std::string(target.data(), static_cast<std::size_t>(size)) + "/" + rest_;
    if (rest_.front() != '/') return true;
    folder_ = Descriptor();
    return enter("/");
  }

  [[nodiscard]] OpenedFile open(const std::string& name, int more_flags) {
    // Nothing is cut before it is known to be the right file.
    const int flags = (flags_ & ~O_TRUNC) | more_flags;
    Descriptor file(::openat(folder_.get(), name.c_str(), flags, mode_));
    if (!file) return failed(errno);
    struct stat status{};
    if (::fstat(file.get(), &status) != 0) return failed(errno);
    const bool several_names = S_ISREG(status.st_mode) && status.st_nlink > 1;
    if (several_names && !is_roots_own(folder_.get())) return failed(EMLINK);
    if ((flags_ & O_TRUNC) != 0 && S_ISREG(status.st_mode) && ::ftruncate(file.get(), 0) != 0) {
      return failed(errno);
    }
    return {std::move(file), 0};
  }

  std::string rest_;  // of the path
  int flags_;
  mode_t mode_;
  Descriptor folder_;
  int links_ = 0;
};

}  // namespace

OpenedFile open_trusted(const std::string& path, int flags, mode_t mode) {
  // Without root's rights a link leads to no file that its maker could not open itself.
  if (::geteuid() == 0 && ::getenv(allow_variable) == nullptr) {
    return Walk(path, flags, mode).run();
  }
  Descriptor file(::open(path.c_str(), flags, mode));
  return file ? OpenedFile{std::move(file), 0} : failed(errno);
}

std::string describe_open_error(int error) {
  const std::string allow =
      ", which " + std::string(allow_variable) + "=1 in the environment would allow";
  if (error == ELOOP) {
    return "a symbolic link to it is in a folder that not only root can change" + allow;
  }
  if (error == EMLINK) {
    return "it has several names and is in a folder that not only root can change" + allow;
  }
  return std::strerror(error);
}

}  // namespace transport
