#include "persistence/backup.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <memory>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>
#include <utility>

#include "persistence/database.h"
#include "persistence/schema.h"
#include "persistence/store_files.h"
#include "persistence/unfinished.h"

namespace persistence {
namespace {

constexpr int pages_per_step = 1024;
constexpr int instructions_per_look = 100'000;  // of SQLite's virtual machine: milliseconds

/// Closes on its way out.
class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return number_; }

 private:
  int number_;
};

/// A file that is removed again unless it becomes another.
class Draft {
 public:
  explicit Draft(std::string path) : path_(std::move(path)) {}
  ~Draft() {
    if (!path_.empty()) ::unlink(path_.c_str());
  }
  Draft(const Draft&) = delete;
  Draft& operator=(const Draft&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// Returns false with errno.
  [[nodiscard]] bool become(const std::string& name) {
    const int file = ::open(path_.c_str(), O_RDONLY | O_CLOEXEC);
    const bool synced = file >= 0 && ::fsync(file) == 0;
    if (file >= 0) ::close(file);
    if (!synced || ::rename(path_.c_str(), name.c_str()) != 0) return false;
    path_.clear();
    sync_folder_of(name);
    return true;
  }

 private:
  std::string path_;
};

std::unexpected<std::string> failure(const std::string& name, std::string_view what) {
  return std::unexpected(name + ": " + std::string(what) + ".");
}

/// Whether it is a whole store of this darter or an older one; else a clause.
std::expected<void, std::string> check_copy(Database& database) {
  const auto application = database.value("PRAGMA application_id");
  if (!application) return std::unexpected(application.error().what);
  if (*application != std::to_string(Schema::application_id)) {
    return std::unexpected("it is no store of darter");
  }
  const auto version = database.value("PRAGMA user_version");
  if (!version) return std::unexpected(version.error().what);
  if (std::stol(*version) > Schema::version) {
    return std::unexpected("its version is " + *version + ", and this darter knows none above " +
                           std::to_string(Schema::version));
  }
  const auto check = database.value("PRAGMA integrity_check(1)");
  if (!check) return std::unexpected(check.error().what);
  if (*check != "ok") return std::unexpected("it is damaged: " + *check);
  const auto unfinished = Unfinished::is(database);
  if (!unfinished) return std::unexpected(unfinished.error().what);
  if (*unfinished) {
    return std::unexpected(
        "it is not whole, for it is one that a broker writes anew: try again when its log says "
        "that the store was written anew");
  }
  return {};
}

/// Without a log the file alone is read, and no file is made beside it: the caller may be root.
Answer<Database> open_source(const std::string& path, bool has_log) {
  auto source = has_log ? Database::open_to_read(path) : Database::open_without_log(path);
  if (!source) return source;
  sqlite3_busy_timeout(source->handle(), 10'000);
  // From here on it sees one state, whatever is committed meanwhile.
  if (auto begun = source->execute("BEGIN; SELECT count(*) FROM note"); !begun) {
    return std::unexpected(begun.error());
  }
  return source;
}

Answer<void> copy_pages(Database& source, Database& target, const Progress& progress,
                        const std::stop_token& stop) {
  if (auto fast = target.execute("PRAGMA synchronous = OFF"); !fast) return fast;
  sqlite3_backup* const backup =
      sqlite3_backup_init(target.handle(), "main", source.handle(), "main");
  if (backup == nullptr) {
    return std::unexpected(
        DatabaseError{sqlite3_errcode(target.handle()), sqlite3_errmsg(target.handle())});
  }
  int code = SQLITE_OK;
  while (code == SQLITE_OK) {
    if (stop.stop_requested()) {
      code = SQLITE_INTERRUPT;
      break;
    }
    code = sqlite3_backup_step(backup, pages_per_step);
    const auto total = static_cast<std::uint64_t>(sqlite3_backup_pagecount(backup));
    const auto left = static_cast<std::uint64_t>(sqlite3_backup_remaining(backup));
    if (total > 0 && progress) progress(total - left, total);
  }
  sqlite3_backup_finish(backup);
  if (code != SQLITE_DONE) return std::unexpected(DatabaseError{code, sqlite3_errstr(code)});
  // A copy that needs no log beside it when somebody looks into it.
  return target.execute("PRAGMA journal_mode = DELETE");
}

/// Statements of `database` fail once `stop` is requested, which outlives it.
void obey(Database& database, const std::stop_token& stop) {
  sqlite3_progress_handler(
      database.handle(), instructions_per_look,
      [](void* token) {
        return static_cast<const std::stop_token*>(token)->stop_requested() ? 1 : 0;
      },
      const_cast<std::stop_token*>(&stop));
}

/// Whether a copy may take this name: nothing has it, or a regular file that is none of the
/// store's.
bool may_be_replaced(const std::string& store, const std::string& target) {
  struct stat there{};
  if (::stat(target.c_str(), &there) != 0) return true;
  for (const char* const part : {"", "-wal", "-shm", ".lock"}) {
    struct stat own{};
    if (::stat((store + part).c_str(), &own) == 0 && own.st_dev == there.st_dev &&
        own.st_ino == there.st_ino) {
      return false;
    }
  }
  return S_ISREG(there.st_mode);
}

/// Copies bytes. Returns false with errno.
bool copy_bytes(std::FILE* source, int target) {
  std::array<char, std::size_t{1} << 16U> buffer{};
  for (;;) {
    const std::size_t size = std::fread(buffer.data(), 1, buffer.size(), source);
    if (size == 0) return std::ferror(source) == 0;
    for (std::size_t at = 0; at < size;) {
      const ssize_t written = ::write(target, buffer.data() + at, size - at);
      if (written < 0) return false;
      at += static_cast<std::size_t>(written);
    }
  }
}

}  // namespace

std::expected<std::uint64_t, std::string> back_up(const std::string& named,
                                                  const std::string& target,
                                                  const Progress& progress,
                                                  const std::stop_token& stop) {
  const std::string path = file_behind_links(named);
  struct stat before{};
  if (::stat(path.c_str(), &before) != 0) {
    return failure("The store " + path + " cannot be read", std::strerror(errno));
  }
  if (!may_be_replaced(path, target)) {
    return failure(target, "a backup has to be another file than the store, and a regular one");
  }
  const bool has_log = ::access((path + "-wal").c_str(), F_OK) == 0;
  auto source = open_source(path, has_log);
  if (!source) return failure("The store " + path + " cannot be read", source.error().what);
  Draft draft(target + ".partial");
  {
    const Descriptor made(
        ::open(draft.path().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (made.get() < 0) return failure(draft.path(), std::strerror(errno));
  }
  {
    auto copy = Database::open(draft.path());
    if (!copy) return failure(draft.path(), copy.error().what);
    if (auto done = copy_pages(*source, *copy, progress, stop); !done) {
      return failure("The store " + path + " cannot be copied to " + draft.path(),
                     done.error().what);
    }
    obey(*copy, stop);
    if (auto good = check_copy(*copy); !good) return failure("The store " + path, good.error());
    if (stop.stop_requested()) return failure("The store " + path, "its backup was ended");
  }
  // A broker that was started while the file was read without its log has begun one.
  struct stat after{};
  if (!has_log && (::stat(path.c_str(), &after) != 0 || after.st_size != before.st_size ||
                   after.st_mtim.tv_sec != before.st_mtim.tv_sec ||
                   after.st_mtim.tv_nsec != before.st_mtim.tv_nsec)) {
    return failure("The store " + path, "a broker was started meanwhile; try again");
  }
  struct stat made{};
  if (::stat(draft.path().c_str(), &made) != 0 || !draft.become(target)) {
    return failure(target, std::strerror(errno));
  }
  return static_cast<std::uint64_t>(made.st_size);
}

std::expected<std::string, std::string> restore(const std::string& named, std::FILE* source,
                                                const std::string& source_name) {
  const std::string path = file_behind_links(named);
  if (StoreFiles(source_name).log_has_frames()) {
    return failure(source_name, "it has a log, " + source_name +
                                    "-wal, and is no backup without it. Make one of it with "
                                    "darter --backup, or with sqlite3's .backup");
  }
  StoreFiles files(path);
  if (auto locked = files.lock(); !locked) return std::unexpected(locked.error());
  const bool there = files.has_database();
  if (there) {
    if (auto locked = files.lock_database(); !locked) return std::unexpected(locked.error());
  }
  Draft draft(path + ".restoring");
  {
    const Descriptor copy(
        ::open(draft.path().c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (copy.get() < 0 || !copy_bytes(source, copy.get())) {
      return failure(draft.path(), std::strerror(errno));
    }
  }
  {
    auto copy = Database::open_without_log(draft.path());
    if (!copy) return failure(source_name, copy.error().what);
    if (auto good = check_copy(*copy); !good) return failure(source_name, good.error());
  }
  auto aside = files.keep_as("replaced");
  if (!aside) return failure("The store " + path, aside.error());
  if (!draft.become(path)) return failure(path, std::strerror(errno));
  files.move_log_to(*aside);
  return there ? *aside : std::string();
}

}  // namespace persistence
