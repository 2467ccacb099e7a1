#include "broker/server/process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <grp.h>
#include <malloc.h>
#include <pwd.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "transport/descriptor.h"
#include "transport/trusted_path.h"

namespace server {
namespace {

using broker::concat;

bool hand_over(const Belongings& belongings, const passwd& user) noexcept {
  const auto path = [&](const std::string& each) {
    return ::lchown(each.c_str(), user.pw_uid, user.pw_gid) == 0;
  };
  const auto file = [&](int each) { return ::fchown(each, user.pw_uid, user.pw_gid) == 0; };
  // Without it a port can be moved by a restart only.
  std::ranges::for_each(belongings.sockets, file);
  return std::ranges::all_of(belongings.paths, path) && std::ranges::all_of(belongings.files, file);
}

/// Returns to the instruction that failed: now without a handler, that ends the process.
void explain_bus_error(int /*signal*/) {
  constexpr std::string_view text =
      "Error: A file that the broker had in memory was cut by another program; with a store that "
      "is its darter.db-shm. The broker ends here. Everything that it acknowledged is in the "
      "store: start it again, and leave the store's files alone.\n";
  // A failure here has no place where it could be shown.
  if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

std::string too_few_files(std::uint64_t most) {
  return concat({"The limit of open files, ", std::to_string(most),
                 ", is too small for the broker and a client: raise it, with 'ulimit -n' or "
                 "LimitNOFILE= of the unit."});
}

}  // namespace

std::uint64_t raise_open_files_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  const rlim_t before = std::exchange(limit.rlim_cur, limit.rlim_max);
  const rlim_t most = ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
  constexpr rlim_t table_max = 65'536;
  const int last =
      ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, static_cast<int>(std::min(most, table_max)) - 1);
  if (last >= 0) ::close(last);
  return most;
}

std::expected<void, std::string> check_open_files(std::uint64_t most, std::size_t needed) {
  std::vector<transport::Descriptor> taken;
  // The kernel gives the lowest free number: the last one is the one that a client would get.
  while (taken.size() <= needed) {
    transport::Descriptor one(::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 0));
    if (!one || transport::is_one_of_the_last(one.get(), most)) {
      return std::unexpected(too_few_files(most));
    }
    taken.push_back(std::move(one));
  }
  return {};
}

void explain_bus_errors() noexcept {
  struct sigaction action{};
  action.sa_handler = explain_bus_error;
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  static_cast<void>(::sigaction(SIGBUS, &action, nullptr));
}

void prepare_heap(std::size_t loops) noexcept {
  constexpr int step_bytes = 4 << 20;
  constexpr int kept_bytes = 8 << 20;  // more than a step, which would be given back at once
  constexpr int mapped_bytes_min = 4 << 20;
  if (loops == 1) ::mallopt(M_ARENA_MAX, 1);
  ::mallopt(M_TOP_PAD, step_bytes);
  ::mallopt(M_TRIM_THRESHOLD, kept_bytes);
  ::mallopt(M_MMAP_THRESHOLD, mapped_bytes_min);  // said once, glibc no longer moves it by itself
}

const passwd* broker_user(const std::string& user) {
  const passwd* const entry = ::getpwnam(user.c_str());
  return entry == nullptr && user == "mosquitto" ? ::getpwnam("nobody") : entry;
}

std::expected<void, std::string> drop_privileges(const std::string& user,
                                                 const Belongings& belongings) {
  if (::geteuid() != 0 || user.empty() || user == "root") return {};
  const passwd* const entry = broker_user(user);
  if (entry == nullptr) {
    return std::unexpected(concat({"Invalid user '", user, "' in 'user': there is no such user."}));
  }
  if (!hand_over(belongings, *entry)) {
    return std::unexpected(concat(
        {"Unable to give files to user '", entry->pw_name, "': ", std::strerror(errno), "."}));
  }
  const bool done = ::initgroups(entry->pw_name, entry->pw_gid) == 0 &&
                    ::setgid(entry->pw_gid) == 0 && ::setuid(entry->pw_uid) == 0;
  if (done) return {};
  return std::unexpected(
      concat({"Unable to become user '", entry->pw_name, "': ", std::strerror(errno), "."}));
}

std::expected<PidFile, std::string> PidFile::create(const std::string& path) {
  if (path.empty()) return PidFile{};
  const auto opened = transport::open_trusted(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  const std::string text = std::to_string(::getpid());
  const bool written = opened.file && ::write(opened.file.get(), text.data(), text.size()) ==
                                          static_cast<ssize_t>(text.size());
  const int error = opened.error != 0 ? opened.error : errno;
  if (written) return PidFile(path);
  return std::unexpected(concat(
      {"Unable to write pid file '", path, "': ", transport::describe_open_error(error), "."}));
}

PidFile::~PidFile() {
  if (!path_.empty()) ::unlink(path_.c_str());
}

PidFile::PidFile(PidFile&& other) noexcept : path_(std::exchange(other.path_, {})) {}

PidFile& PidFile::operator=(PidFile&& other) noexcept {
  std::swap(path_, other.path_);
  return *this;
}

std::expected<Daemon, std::string> Daemon::enter() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) {
    return std::unexpected(concat({"Unable to go to the background: ", std::strerror(errno)}));
  }
  const pid_t child = ::fork();
  if (child < 0) {
    ::close(ends[0]);
    ::close(ends[1]);
    return std::unexpected(concat({"Unable to go to the background: ", std::strerror(errno)}));
  }
  if (child > 0) {
    ::close(ends[1]);
    char status = 1;
    ssize_t count = 0;
    do {
      count = ::read(ends[0], &status, 1);
    } while (count < 0 && errno == EINTR);
    ::_exit(count == 1 ? status : 1);
  }
  ::close(ends[0]);
  ::setsid();
  return Daemon(ends[1]);
}

void Daemon::started() noexcept {
  if (descriptor_ < 0) return;
  const char success = 0;
  if (::write(descriptor_, &success, 1) != 1) return;  // no process waits any more
  ::close(std::exchange(descriptor_, -1));
}

Daemon::~Daemon() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Daemon::Daemon(Daemon&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

Daemon& Daemon::operator=(Daemon&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace server
