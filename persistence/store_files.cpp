#include "persistence/store_files.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

namespace persistence {
namespace {

/// SQLite locks bytes from 2^30 on, some hundred of them.
constexpr off_t lock_byte = off_t{1} << 40;
constexpr off_t log_header_bytes = 32;

std::string date_now() {
  const std::time_t now = std::time(nullptr);
  std::tm parts{};
  ::gmtime_r(&now, &parts);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y%m%dT%H%M%S", &parts)};
}

/// A name that is not taken: a second one of the same second gets a number.
std::string free_name(const std::string& base) {
  std::string name = base;
  for (int i = 2; ::access(name.c_str(), F_OK) == 0; ++i) name = base + "-" + std::to_string(i);
  return name;
}

struct flock one_byte() {
  struct flock lock{};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = lock_byte;
  lock.l_len = 1;
  return lock;
}

std::string in_use(const std::string& path) {
  return "The store " + path +
         " is in use by another darter. Stop that one, or give this one another "
         "persistence_location.";
}

/// Whether the log has its header; SQLite writes it with the first frame, and never takes it away.
bool has_log_header(const std::string& path) {
  const int log = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (log < 0) return false;
  std::array<unsigned char, log_header_bytes> header{};
  const ssize_t size = ::pread(log, header.data(), header.size(), 0);
  ::close(log);  // SQLite has no lock on this file that could go with it
  return size == log_header_bytes && header[0] == 0x37 && header[1] == 0x7f;
}

}  // namespace

StoreFiles::~StoreFiles() {
  unlock_database();
  if (lock_ >= 0) ::close(lock_);
}

std::expected<void, std::string> StoreFiles::lock() {
  const std::string name = path_ + ".lock";
  if (lock_ >= 0) {
    const auto there = look_at(name);
    if (there && there->identity == lock_identity_) return {};
  }
  const int descriptor = ::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return std::unexpected("The store " + path_ + " cannot be opened: " + name + ": " +
                           std::strerror(errno) + ".");
  }
  struct stat status{};
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0 || ::fstat(descriptor, &status) != 0) {
    ::close(descriptor);
    return std::unexpected(in_use(path_));
  }
  if (lock_ >= 0) ::close(lock_);
  lock_ = descriptor;
  lock_identity_ = {status.st_dev, status.st_ino};
  return {};
}

// An open file description has this lock, not the process: SQLite's own locks stay apart from it.
std::expected<void, std::string> StoreFiles::lock_database() {
  unlock_database();
  const int descriptor = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (descriptor < 0) {
    return std::unexpected("The store " + path_ +
                           " cannot be opened for writing: " + std::strerror(errno) + ".");
  }
  struct flock lock = one_byte();
  if (::fcntl(descriptor, F_OFD_SETLK, &lock) != 0 && (errno == EAGAIN || errno == EACCES)) {
    ::close(descriptor);
    return std::unexpected(in_use(path_));
  }
  database_lock_ = descriptor;
  return {};
}

bool StoreFiles::used_by_others() const {
  const int descriptor = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  if (descriptor < 0) return false;
  struct flock lock = one_byte();
  const bool locked = ::fcntl(descriptor, F_OFD_SETLK, &lock) == 0;
  const bool refused = !locked && (errno == EAGAIN || errno == EACCES);
  ::close(descriptor);
  return refused;
}

std::expected<void, std::string> StoreFiles::replace_by(const std::string& fresh,
                                                        const std::optional<std::string>& kept_as) {
  if (::rename(fresh.c_str(), path_.c_str()) != 0) {
    return std::unexpected(path_ + " cannot be replaced: " + std::strerror(errno));
  }
  if (kept_as) {
    move_log_to(*kept_as);
  } else {
    for (const char* const part : {"-wal", "-shm"}) ::unlink((path_ + part).c_str());
  }
  sync_folder_of(path_);
  database_written();
  return {};
}

bool StoreFiles::has_own_database() const {
  const auto database = look_at(path_);
  return database && database->identity == database_.identity;
}

void StoreFiles::unlock_database() noexcept {
  if (database_lock_ >= 0) ::close(std::exchange(database_lock_, -1));
}

std::optional<StoreFiles::Seen> StoreFiles::look_at(const std::string& path) {
  struct stat status{};
  if (::stat(path.c_str(), &status) != 0) return std::nullopt;
  constexpr std::int64_t nanoseconds = 1'000'000'000;
  return Seen{{status.st_dev, status.st_ino},
              status.st_size,
              status.st_mtim.tv_sec * nanoseconds + status.st_mtim.tv_nsec};
}

void StoreFiles::remember() {
  database_written();
  log_identity_ = look_at(log_path()).value_or(Seen{}).identity;
}

void StoreFiles::database_written() { database_ = look_at(path_).value_or(Seen{}); }

std::optional<std::string> StoreFiles::difference(off_t log_bytes) const {
  const auto database = look_at(path_);
  const auto log = look_at(log_path());
  const auto lock = look_at(path_ + ".lock");
  if (!database) return path_ + " is gone";
  std::error_code ignored;
  // A link to where the file was moved: the next start would look for the log there.
  if (database->identity != database_.identity || std::filesystem::is_symlink(path_, ignored)) {
    return path_ + " was replaced by another file";
  }
  if (database->bytes < database_.bytes) return path_ + " was cut short";
  if (database->bytes != database_.bytes ||
      database->written_nanoseconds != database_.written_nanoseconds) {
    return path_ + " was written by another program";
  }
  if (!log) return log_path() + " is gone";
  if (log->identity != log_identity_) return log_path() + " was replaced by another file";
  if (log_bytes > 0 && (log->bytes < log_bytes || !has_log_header(log_path()))) {
    return log_path() + " was cut short";
  }
  if (!lock) return path_ + ".lock is gone";
  if (lock->identity != lock_identity_) return path_ + ".lock was replaced by another file";
  return std::nullopt;
}

bool StoreFiles::log_is_cut(off_t log_bytes) const {
  struct stat log{};
  return log_bytes > 0 && ::stat(log_path().c_str(), &log) == 0 && log.st_size < log_bytes;
}

std::expected<std::string, std::string> StoreFiles::set_aside(const std::string& word) const {
  std::string aside = name_aside(word);
  for (const char* const part : {"", "-wal", "-shm"}) {
    if (::rename((path_ + part).c_str(), (aside + part).c_str()) != 0 && errno != ENOENT) {
      return std::unexpected(path_ + part + " cannot be moved away: " + std::strerror(errno));
    }
  }
  return aside;
}

std::string StoreFiles::name_aside(const std::string& word) const {
  return free_name(path_ + "." + word + "-" + date_now());
}

std::expected<void, std::string> StoreFiles::keep_under(const std::string& name) const {
  if (::link(path_.c_str(), name.c_str()) != 0 && errno != ENOENT &&
      ::rename(path_.c_str(), name.c_str()) != 0) {
    return std::unexpected(path_ + " cannot be kept as " + name + ": " + std::strerror(errno));
  }
  return {};
}

std::expected<std::string, std::string> StoreFiles::keep_as(const std::string& word) const {
  std::string aside = name_aside(word);
  if (auto kept = keep_under(aside); !kept) return std::unexpected(kept.error());
  return aside;
}

void StoreFiles::move_log_to(const std::string& database) const {
  ::rename(log_path().c_str(), (database + "-wal").c_str());
  ::unlink((path_ + "-shm").c_str());
}

std::expected<std::string, std::string> StoreFiles::set_log_aside(const std::string& word) const {
  std::string aside = free_name(log_path() + "." + word + "-" + date_now());
  if (::rename(log_path().c_str(), aside.c_str()) != 0) {
    return std::unexpected(log_path() + " cannot be moved away: " + std::strerror(errno));
  }
  ::unlink((path_ + "-shm").c_str());
  return aside;
}

bool StoreFiles::log_has_frames() const {
  const auto log = look_at(log_path());
  return log && log->bytes > log_header_bytes && has_log_header(log_path());
}

bool StoreFiles::has_database() const {
  const auto database = look_at(path_);
  return database && database->bytes > 0;
}

std::string file_behind_links(const std::string& path) {
  constexpr int links_max = 40;  // as the kernel follows
  std::filesystem::path file = path;
  for (int i = 0; i < links_max; ++i) {
    std::error_code error;
    const std::filesystem::path target = std::filesystem::read_symlink(file, error);
    if (error) break;
    file = file.parent_path() / target;
  }
  return file.string();
}

void sync_folder_of(const std::string& path) {
  const std::filesystem::path parent = std::filesystem::path(path).parent_path();
  const int folder =
      ::open(parent.empty() ? "." : parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (folder < 0) return;
  ::fsync(folder);
  ::close(folder);
}

}  // namespace persistence
