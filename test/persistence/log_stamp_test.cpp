#include "persistence/log_stamp.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <string>

#include "persistence/store.h"
#include "test/persistence/faulty_disk.h"
#include "test/persistence/fixture.h"

// Databases and write-ahead logs that do not belong to each other, and those that do.

namespace {

using broker::LogType;
using persistence::Database;
using persistence::LogStamp;
using persistence::Store;
using persistence::StoreOptions;
using test::Folder;
using test::Lines;
using test::Rows;

Rows one(std::uint64_t key) {
  Rows rows;
  rows.session(key, "client" + std::to_string(key));
  return rows;
}

/// The files that a crash leaves of a store.
void copy_as_killed(const std::string& from, const std::string& to) {
  for (const char* const part : {"", "-wal"}) std::filesystem::copy_file(from + part, to + part);
}

std::size_t sessions_in(const std::string& path, Lines& log) {
  const auto store = test::open_store(path, log);
  return test::contents_of(*store).loaded.sessions;
}

/// Names in the folder that have `text` in them.
std::size_t files_with(const Folder& folder, const std::string& text) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    if (entry.path().filename().string().find(text) != std::string::npos) ++count;
  }
  return count;
}

/// As sqlite3's `.backup`, or `VACUUM INTO`.
void back_up(const std::string& from, const std::string& to, bool vacuum) {
  auto source = Database::open(from);
  REQUIRE(source);
  if (vacuum) {
    REQUIRE(source->execute("VACUUM INTO '" + to + "'"));
    return;
  }
  auto target = Database::open(to);
  REQUIRE(target);
  sqlite3_backup* const backup =
      sqlite3_backup_init(target->handle(), "main", source->handle(), "main");
  REQUIRE(backup != nullptr);
  CHECK(sqlite3_backup_step(backup, -1) == SQLITE_DONE);
  CHECK(sqlite3_backup_finish(backup) == SQLITE_OK);
}

}  // namespace

TEST_CASE("after an orderly end the database alone is everything", "[log_stamp]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  {
    const auto store = test::open_store(path, log);
    for (std::uint64_t key = 1; key <= 10; ++key) REQUIRE(test::write(*store, one(key)));
  }
  CHECK_FALSE(std::filesystem::exists(path + "-wal"));
  CHECK_FALSE(std::filesystem::exists(path + "-shm"));
  std::filesystem::copy_file(path, folder.file("copy.db"));
  CHECK(sessions_in(folder.file("copy.db"), log) == 10);
}

TEST_CASE("a backup that is copied over the store is not undone by the log that was left",
          "[log_stamp]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const std::string backup = folder.file("backup.db");
  const std::string killed = folder.file("killed.db");
  const auto kind = GENERATE(0, 1, 2);  // .backup, VACUUM INTO, a copy after an orderly end
  const int more_checkpoints = GENERATE(0, 1);
  {
    auto store = test::open_store(path, log);
    for (std::uint64_t key = 1; key <= 3; ++key) REQUIRE(test::write(*store, one(key)));
    if (kind == 2) {
      store.reset();
      std::filesystem::copy_file(path, backup);
      store = test::open_store(path, log);
    } else {
      back_up(path, backup, kind == 1);
    }
    for (std::uint64_t key = 4; key <= 300; ++key) REQUIRE(test::write(*store, one(key)));
    if (more_checkpoints == 1) store->expect_little();
    for (std::uint64_t key = 301; key <= 320; ++key) REQUIRE(test::write(*store, one(key)));
    copy_as_killed(path, killed);
  }
  SECTION("the killed store itself keeps all") {
    CHECK(sessions_in(killed, log) == 320);
    CHECK(log.count(LogType::warning, "") == 0);
  }
  SECTION("the backup keeps what it was") {
    std::filesystem::copy_file(backup, killed, std::filesystem::copy_options::overwrite_existing);
    CHECK(sessions_in(killed, log) == 3);
    CHECK(log.count(LogType::warning, "it seems to be a backup") == 1);
    CHECK(files_with(folder, "killed.db-wal.replaced-") == 1);
    CHECK(sessions_in(killed, log) == 3);
  }
  CHECK(log.count(LogType::error, "") == 0);
}

TEST_CASE("a log is its database's at whatever moment the power goes", "[log_stamp]") {
  Folder folder;
  Lines log;
  test::FaultyDisk disk;
  const std::string path = folder.file("darter.db");
  int cuts = 0;
  std::size_t written = 0;
  std::vector<std::size_t> least;
  disk.before_sync([&] {
    disk.power_cut(path, folder.file("cut" + std::to_string(cuts++)));
    least.push_back(written);
  });
  // Starts, checkpoints and ends, each of which moves a log.
  for (int start = 0; start < 3; ++start) {
    const auto store = test::open_store(path, log);
    for (int i = 0; i < 3; ++i) {
      REQUIRE(test::write(*store, one(written + 1)));
      ++written;
    }
    store->expect_little();
    REQUIRE(test::write(*store, one(written + 1)));
    ++written;
  }
  disk.before_sync({});
  REQUIRE(cuts > 20);
  for (int cut = 0; cut < cuts; ++cut) {
    CAPTURE(cut);
    const std::size_t found = sessions_in(folder.file("cut" + std::to_string(cut)), log);
    CHECK(found >= least[static_cast<std::size_t>(cut)]);
    CHECK(found <= written);
  }
  CHECK(log.count(LogType::warning, "") == 0);
  CHECK(log.count(LogType::error, "") == 0);
}

TEST_CASE("a log whose database is missing is named and kept", "[log_stamp]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const std::string killed = folder.file("killed.db");
  {
    const auto store = test::open_store(path, log);
    REQUIRE(test::write(*store, one(1)));
    copy_as_killed(path, killed);
  }
  if (GENERATE(true, false)) {
    std::filesystem::remove(killed);
  } else {
    std::filesystem::resize_file(killed, 0);
  }
  StoreOptions options;
  options.path = killed;
  SECTION("set aside") {
    CHECK(sessions_in(killed, log) == 0);
    CHECK(log.count(LogType::error, "is missing, though its log, " + killed + "-wal, is there") ==
          1);
    CHECK(files_with(folder, "killed.db-wal.orphaned-") == 1);
  }
  SECTION("refused") {
    options.refuse_damaged = true;
    const auto opened = Store::open(options, log);
    REQUIRE_FALSE(opened);
    CHECK(opened.error().find("Bring the store back, or move the log away") != std::string::npos);
    CHECK(std::filesystem::exists(killed + "-wal"));
  }
}

TEST_CASE("a stamp is read as it was written, or not at all", "[log_stamp]") {
  const LogStamp stamp = LogStamp{1, UINT64_MAX, false}.to_be_moved();
  const auto read = LogStamp::parse(stamp.note());
  REQUIRE(read);
  CHECK((read->base == 1 && read->own == stamp.own && read->moving));
  CHECK(stamp.to_be_moved().own == stamp.own);
  CHECK(stamp.next().base == stamp.own);
  for (const char* const text : {"", "1", "1 2", "1 2 2", "x 2 0", "1 2 0 "}) {
    CHECK_FALSE(LogStamp::parse(text));
  }
}

TEST_CASE("a second store is refused though the first one's lock file is gone", "[log_stamp]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto first = test::open_store(path, log);
  std::filesystem::remove(path + ".lock");
  StoreOptions options;
  options.path = path;
  const auto second = Store::open(options, log);
  REQUIRE_FALSE(second);
  CHECK(second.error().find("is in use by another darter") != std::string::npos);
  CHECK(test::write(*first, one(1)));
}
