#include "persistence/log_stamp.h"

#include <charconv>
#include <sqlite3.h>

namespace persistence {
namespace {

std::uint64_t random_number() {
  std::uint64_t value = 0;
  sqlite3_randomness(sizeof value, &value);
  return value;
}

Answer<std::string> stamp_in(Database& database) {
  return database.value("SELECT value FROM note WHERE name = '" + std::string(LogStamp::note_name) +
                        "'");
}

}  // namespace

std::optional<LogStamp> LogStamp::parse(std::string_view note) {
  LogStamp stamp;
  const char* const begin = note.data();
  const char* const end = begin + note.size();
  const auto base = std::from_chars(begin, end, stamp.base);
  if (base.ec != std::errc() || base.ptr == end || *base.ptr != ' ') return std::nullopt;
  const auto own = std::from_chars(base.ptr + 1, end, stamp.own);
  if (own.ec != std::errc() || own.ptr == end || *own.ptr != ' ') return std::nullopt;
  const std::string_view moving(own.ptr + 1, end);
  if (moving != "0" && moving != "1") return std::nullopt;
  stamp.moving = moving == "1";
  return stamp;
}

std::string LogStamp::note() const {
  return std::to_string(base) + " " + std::to_string(own) + (moving ? " 1" : " 0");
}

LogStamp LogStamp::next() const { return {own, random_number(), false}; }

// One that was moved half the way before goes on under its number: the file may have that already.
LogStamp LogStamp::to_be_moved() const { return {base, moving ? own : random_number(), true}; }

bool has_foreign_log(const std::string& path) {
  auto file = Database::open_without_log(path);
  if (!file) return false;
  const auto file_note = stamp_in(*file);
  if (!file_note) return false;
  const auto of_file = LogStamp::parse(*file_note);
  if (!of_file) return false;
  auto both = Database::open(path);
  if (!both) return false;
  sqlite3_db_config(both->handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  const auto note = stamp_in(*both);
  if (!note) {
    // Together they are no database. If the file is one by itself, the log is none of its.
    if (!note.error().damaged()) return false;
    const auto check = file->value("PRAGMA integrity_check(1)");
    return check && *check == "ok";
  }
  const auto of_log = LogStamp::parse(*note);
  if (!of_log) return true;
  if (of_file->own == of_log->base) return false;
  return !of_log->moving || of_file->own != of_log->own;
}

}  // namespace persistence
