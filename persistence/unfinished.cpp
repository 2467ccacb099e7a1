#include "persistence/unfinished.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <unistd.h>

#include "persistence/log_stamp.h"
#include "persistence/notes.h"
#include "persistence/schema.h"

namespace persistence {
namespace {

// With the stamp of a log that is to follow: the lost store's log, should it still stand beside the
// file when the process ends, is none of its.
Answer<void> write_notes(Database& database, const std::map<std::string, std::string>& notes,
                         std::string_view kept_as) {
  Notes fresh(database);
  auto done = database.execute("BEGIN IMMEDIATE");
  for (const auto& [name, value] : notes) {
    if (done && name != "clock") done = fresh.set(name, value);
  }
  if (done) done = fresh.set(LogStamp::note_name, LogStamp{}.next().note());
  if (done) done = fresh.set(Unfinished::note_name, kept_as.empty() ? "-" : kept_as);
  return done ? database.execute("COMMIT") : done;
}

}  // namespace

Answer<void> Unfinished::make(const std::string& path,
                              const std::map<std::string, std::string>& notes,
                              std::string_view kept_as) {
  for (const char* const part : {"", "-journal", "-wal", "-shm"}) ::unlink((path + part).c_str());
  const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return std::unexpected(DatabaseError{SQLITE_CANTOPEN, std::strerror(errno)});
  ::close(file);
  auto database = Database::open(path);
  if (!database) return std::unexpected(database.error());
  auto done = database->execute("PRAGMA synchronous = FULL");
  if (done) done = Schema::prepare(*database);
  return done ? write_notes(*database, notes, kept_as) : done;
}

Answer<bool> Unfinished::is(Database& database) {
  const auto count =
      database.value("SELECT count(*) FROM note WHERE name = '" + std::string(note_name) + "'");
  if (!count) return std::unexpected(count.error());
  return *count != "0";
}

std::string Unfinished::sentence(const std::string& path, std::string_view note) {
  std::string all = "The store " + path +
                    " was being written anew, for its files had been lost, when the broker ended: "
                    "what it was to hold is not in it";
  if (note != "-") all += "; what stood there before was kept as " + std::string(note);
  return all;
}

}  // namespace persistence
