// persistence/log_stamp.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "persistence/database.h"
#include "persistence/store_files.h"

namespace persistence {

/// Ties the write-ahead log to the database file that it was written for, so that a backup which is
/// copied over darter.db is not changed by the log of the store that was there before.
///
/// Shape      One row of `note`: "BASE OWN MOVING". OWN is a random number, new with each log. The
///            row is written three times in the life of a log:
///
///              log begins       BASE = OWN of the database file, OWN = new, MOVING = 0
///              before it is     OWN = new, MOVING = 1
///              moved into the database file, by a checkpoint
///
/// Invariant  The database file alone (without the log) says OWN = BASE of its log; once MOVING is
///            1, OWN of its log too. A copy that SQLite made of both says an OWN that is neither.
struct LogStamp {
  static constexpr std::string_view note_name = "log";

  std::uint64_t base = 0;
  std::uint64_t own = 0;
  bool moving = false;

  [[nodiscard]] static std::optional<LogStamp> parse(std::string_view note);
  [[nodiscard]] std::string note() const;

  /// As of a log that begins behind this one, which is in the database file.
  [[nodiscard]] LogStamp next() const;
  /// As before a checkpoint.
  [[nodiscard]] LogStamp to_be_moved() const;
};

/// Whether the log beside the database file is another database's.
///
/// Requires  Both are there, and no process has them open. Neither is changed.
/// Returns   True only if that is sure. A store of an older darter has no stamps, and a database
/// file
///           may be half-written while its log is moved into it.
[[nodiscard]] bool has_foreign_log(const std::string& path);

}  // namespace persistence
