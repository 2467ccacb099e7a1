#include "persistence/write_ahead_log.h"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <tuple>
#include <unistd.h>
#include <vector>

namespace persistence {
namespace {

/// Pages in the log from which it is moved into the file: 16 MiB.
constexpr int wal_pages_max = 4096;
constexpr off_t page_bytes = 4096;

/// How long a log of so many pages is: its header, and the frames.
constexpr off_t bytes_of_log(int pages) { return 32 + off_t{pages} * (24 + page_bytes); }

constexpr off_t wal_bytes = bytes_of_log(wal_pages_max);

/// Whether so much may be taken without leaving others short.
bool has_plenty(int descriptor, off_t bytes) {
  struct statvfs disk{};
  return ::fstatvfs(descriptor, &disk) == 0 &&
         disk.f_bavail * disk.f_frsize / 8 > static_cast<fsblkcnt_t>(bytes);
}

}  // namespace

// SQLite would remove a log without a database, and would apply a log to any file that stands in
// the place of its own.
std::expected<void, std::string> WriteAheadLog::check(bool refuse, broker::Log& lines) {
  was_empty_ = !files_.log_has_frames();
  if (was_empty_) return {};
  const std::string& path = files_.path();
  if (!files_.has_database()) {
    const std::string found =
        "The store " + path + " is missing, though its log, " + files_.log_path() + ", is there";
    if (refuse) {
      return std::unexpected(found + ". Bring the store back, or move the log away.");
    }
    const auto aside = files_.set_log_aside("orphaned");
    if (!aside) return std::unexpected(found + "; " + aside.error() + ".");
    lines.write_event(
        broker::LogType::error, {.event = broker::Event::store_set_aside},
        found + ". The log was set aside as " + *aside + ", and the broker begins empty.");
    was_empty_ = true;
    return {};
  }
  if (!has_foreign_log(path)) return {};
  const auto aside = files_.set_log_aside("replaced");
  if (!aside) return std::unexpected("The store " + path + ": " + aside.error() + ".");
  lines.write_event(
      broker::LogType::warning, {.event = broker::Event::store_set_aside},
      "Warning: the store " + path + " is another one than its log, " + files_.log_path() +
          ", was written for: it seems to be a backup. The log was set aside as " + *aside + ".");
  was_empty_ = true;
  return {};
}

Answer<void> WriteAheadLog::opened() {
  // The log keeps its length for the next start, see lengthen().
  int keep = 1;
  sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  sqlite3_wal_hook(
      database_.handle(),
      [](void* log, sqlite3* /*database*/, const char* /*name*/, int pages) {
        static_cast<WriteAheadLog*>(log)->pages_ = pages;
        return SQLITE_OK;
      },
      this);
  return write_again();
}

// A frame of the log counts if it has the salt of the log's header (SQLite's file format, section
// 4.1). A process that fails to sync may leave frames that the kernel shows and calls clean, but
// that never reached the disk; a commit behind such a gap would be lost at a power failure. Written
// once more they are dirty, and the sync that follows includes them.
Answer<void> WriteAheadLog::write_again() {
  sqlite3_file* log = nullptr;
  sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER,
                       static_cast<void*>(&log));
  if (log == nullptr || log->pMethods == nullptr) return {};
  std::array<char, 32> header{};
  const auto header_size = static_cast<int>(header.size());
  if (log->pMethods->xRead(log, header.data(), header_size, 0) != SQLITE_OK) return {};  // empty
  std::uint32_t page_size = 0;
  for (const std::size_t i : {8U, 9U, 10U, 11U}) {
    page_size = page_size << 8U | static_cast<unsigned char>(header[i]);
  }
  if (page_size < 512 || page_size > 65'536) return {};  // none that SQLite would read
  constexpr std::size_t frame_header_bytes = 24;
  std::vector<char> frame(frame_header_bytes + page_size);
  const auto size = static_cast<int>(frame.size());
  int code = log->pMethods->xWrite(log, header.data(), header_size, 0);
  for (sqlite3_int64 at = header_size; code == SQLITE_OK; at += size) {
    if (log->pMethods->xRead(log, frame.data(), size, at) != SQLITE_OK) break;
    if (std::memcmp(&frame[8], &header[16], 8) != 0) break;
    code = log->pMethods->xWrite(log, frame.data(), size, at);
  }
  if (code == SQLITE_OK) code = log->pMethods->xSync(log, SQLITE_SYNC_FULL);
  if (code != SQLITE_OK) return std::unexpected(DatabaseError{code, sqlite3_errstr(code)});
  return {};
}

Answer<void> WriteAheadLog::begin() {
  const auto note = notes_.get(LogStamp::note_name);
  if (!note) return std::unexpected(note.error());
  stamp_ = LogStamp::parse(*note).value_or(LogStamp{});
  // On a full disk, for instance, the log stays as it is.
  const bool stamped = !was_empty_ || stamp(stamp_.next()).has_value();
  if (stamped) std::ignore = move(SQLITE_CHECKPOINT_PASSIVE);
  files_.remember();
  return {};
}

Answer<void> WriteAheadLog::stamp(const LogStamp& stamp) {
  assert(sqlite3_get_autocommit(database_.handle()) != 0);
  auto done = database_.execute("BEGIN IMMEDIATE");
  if (!done) return done;
  done = notes_.set(LogStamp::note_name, stamp.note());
  if (done) done = database_.execute("COMMIT");
  if (done) {
    stamp_ = stamp;
  } else {
    std::ignore = database_.execute("ROLLBACK");
  }
  return done;
}

Answer<void> WriteAheadLog::move(int mode) {
  assert(sqlite3_get_autocommit(database_.handle()) != 0);
  if (!stamp_.moving) {
    if (auto done = stamp(stamp_.to_be_moved()); !done) return done;
  }
  int frames = 0;
  int moved = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, mode, &frames, &moved);
  files_.database_written();
  if (code != SQLITE_OK) return std::unexpected(DatabaseError{code, sqlite3_errstr(code)});
  // An operator's reader may keep frames in the log; then the log continues.
  if (moved < frames) return {};
  pages_ = 0;
  return stamp(stamp_.next());
}

void WriteAheadLog::tidy_up() {
  if (pages_ < wal_pages_max) return;
  std::ignore = move(SQLITE_CHECKPOINT_PASSIVE);
  pages_ = 0;
}

off_t WriteAheadLog::bytes() const noexcept { return pages_ == 0 ? 0 : bytes_of_log(pages_); }

// Bytes behind the last frame are ignored unless they have the log's salt (SQLite's file format,
// section 4.4), as zeros have not. SQLite holds no lock on this file that closing it could drop.
void WriteAheadLog::lengthen() {
  const int log = ::open(files_.log_path().c_str(), O_WRONLY | O_CLOEXEC);
  if (log < 0) return;
  struct stat status{};
  if (::fstat(log, &status) == 0 && has_plenty(log, wal_bytes)) {
    const std::array<char, std::size_t{1} << 16U> zeros{};
    for (off_t at = status.st_size; at < wal_bytes;) {
      const auto size =
          std::min<std::size_t>(zeros.size(), static_cast<std::size_t>(wal_bytes - at));
      const ssize_t written = ::pwrite(log, zeros.data(), size, at);
      if (written <= 0) break;
      at += written;
    }
    ::fsync(log);
  }
  ::close(log);
}

}  // namespace persistence
