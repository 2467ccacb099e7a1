// persistence/write_ahead_log.h
#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <sys/types.h>

#include "broker/core/log.h"
#include "persistence/database.h"
#include "persistence/log_stamp.h"
#include "persistence/notes.h"
#include "persistence/store_files.h"

namespace persistence {

/// SQLite's write-ahead log of the store: checked before it is applied, made long enough once,
/// moved into the database file now and then, and stamped so that it cannot be taken for the log of
/// another file (LogStamp).
///
/// Lifetime   The database, its files and notes outlive it. check() before the database is opened,
///            opened() and begin() behind that, once each time.
/// Threads    One at a time.
/// Errors     As values. No transaction is open before or after any of these.
class WriteAheadLog {
 public:
  WriteAheadLog(Database& database, StoreFiles& files, Notes& notes)
      : database_(database), files_(files), notes_(notes) {}
  WriteAheadLog(const WriteAheadLog&) = delete;
  WriteAheadLog& operator=(const WriteAheadLog&) = delete;

  /// Examines the files after a crash, or after an operator moved them: a log without its database,
  /// or one of another database, is set aside, with a line in `lines`.
  ///
  /// Errors    One sentence. `refuse`: a log without its database is one.
  [[nodiscard]] std::expected<void, std::string> check(bool refuse, broker::Log& lines);
  /// The log is empty: the file at its place was set aside.
  void restart() noexcept {
    was_empty_ = true;
    pages_ = 0;
  }
  /// The database was opened. Makes sure that all that the log shows is on the disk.
  [[nodiscard]] Answer<void> opened();
  /// Gives the log its stamp, and moves an earlier process's frames into the database.
  [[nodiscard]] Answer<void> begin();

  /// A checkpoint in SQLite's `mode`, with the stamps that belong to it.
  [[nodiscard]] Answer<void> move(int mode);
  /// Moves the log into the file if it has become long.
  void tidy_up();
  /// Gives the log its full length at once: a sync that has to record a new length as well takes
  /// many times as long.
  ///
  /// Errors    None: on a disk with little room the log grows as it is written.
  /// Cost      Up to 16 MiB are written, unless the log is so long already.
  void lengthen();
  /// Before the database is closed: stamps the log, which closing the database moves into the file.
  /// Returns whether that may be done.
  [[nodiscard]] bool finish() { return stamp(stamp_.to_be_moved()).has_value(); }

  /// How long the file of the log is at least, in bytes.
  [[nodiscard]] off_t bytes() const noexcept;

 private:
  /// In a transaction of its own.
  [[nodiscard]] Answer<void> stamp(const LogStamp& stamp);
  [[nodiscard]] Answer<void> write_again();

  Database& database_;
  StoreFiles& files_;
  Notes& notes_;
  LogStamp stamp_;
  bool was_empty_ = true;
  int pages_ = 0;  // of the last commit
};

}  // namespace persistence
