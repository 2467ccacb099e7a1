#include "broker/server/backups.h"

#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <regex>
#include <sqlite3.h>
#include <stdlib.h>
#include <string>
#include <string_view>
#include <utility>

#include "broker/core/log.h"
#include "persistence/store.h"

namespace server {
namespace {

namespace fs = std::filesystem;

class NoLog final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return false; }
  void write(broker::LogType /*type*/, std::string_view /*line*/) override {}
};

/// A folder that goes away, and backups of the store in it.
class BackupFolder {
 public:
  BackupFolder() {
    std::string name = (fs::temp_directory_path() / "darter-backups-XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    folder_ = name;
  }
  ~BackupFolder() { fs::remove_all(folder_); }
  BackupFolder(const BackupFolder&) = delete;
  BackupFolder& operator=(const BackupFolder&) = delete;

  [[nodiscard]] std::string file(std::string_view name) const { return (folder_ / name).string(); }
  void make(std::string_view name) const { std::ofstream(file(name)) << "x"; }
  [[nodiscard]] std::string store() const { return file("darter.db"); }
  [[nodiscard]] std::unique_ptr<persistence::Store> open_store() {
    persistence::StoreOptions options;
    options.path = store();
    auto opened = persistence::Store::open(options, log_);
    REQUIRE(opened);
    return std::move(*opened);
  }

 private:
  NoLog log_;
  fs::path folder_;
};

std::string no_fault() { return {}; }

/// The end of a backup, or why none began.
Backups::Result make_backup(Backups& backups) {
  std::promise<Backups::Result> made;
  if (auto begun = backups.begin([&](const Backups::Result& result) { made.set_value(result); });
      !begun) {
    return std::unexpected(begun.error());
  }
  return made.get_future().get();
}

}  // namespace

TEST_CASE("a backup is made beside the store, and listed", "[backups]") {
  BackupFolder folder;
  const auto store = folder.open_store();
  Backups backups(folder.store(), no_fault);
  CHECK(backups.list().empty());
  const auto made = make_backup(backups);
  REQUIRE(made);
  CHECK(std::regex_match(made->name, std::regex(R"(darter\.db\.backup-\d{8}T\d{6}Z)")));
  CHECK(made->bytes == fs::file_size(folder.file(made->name)));
  CHECK(made->time_seconds > 0);
  CHECK(fs::status(folder.file(made->name)).permissions() ==
        (fs::perms::owner_read | fs::perms::owner_write));
  CHECK_FALSE(backups.is_running());
  REQUIRE(backups.list().size() == 1);
  CHECK(backups.list().front().name == made->name);
  CHECK(backups.list().front().bytes == made->bytes);
  CHECK(backups.folder() == fs::path(folder.store()).parent_path());
}

TEST_CASE("one backup is made at a time, and its failure is told", "[backups]") {
  BackupFolder folder;
  // Another database, locked: its backup waits until the lock is gone, and fails then.
  sqlite3* database = nullptr;
  REQUIRE(sqlite3_open(folder.store().c_str(), &database) == SQLITE_OK);
  REQUIRE(sqlite3_exec(database, "CREATE TABLE t (a); BEGIN EXCLUSIVE", nullptr, nullptr,
                       nullptr) == SQLITE_OK);
  folder.make("darter.db-wal");
  Backups backups(folder.store(), no_fault);
  std::promise<Backups::Result> made;
  REQUIRE(backups.begin([&](const Backups::Result& result) { made.set_value(result); }));
  CHECK(backups.is_running());
  CHECK(make_backup(backups).error() == "A backup is being made.");
  sqlite3_close(database);
  const auto result = made.get_future().get();
  REQUIRE_FALSE(result);
  CHECK(result.error().starts_with("The store " + folder.store()));
  CHECK_FALSE(backups.is_running());
  CHECK(backups.list().empty());
}

TEST_CASE("no backup is made while ten are there, or the store fails", "[backups]") {
  BackupFolder folder;
  const auto store = folder.open_store();
  std::string fault;
  Backups backups(folder.store(), [&] { return fault; });
  // Of a backup that was cut off, too; and no others.
  folder.make("darter.db.backup-20260101T000000Z.partial");
  folder.make("other.db.backup-20260101T000000Z");
  for (std::size_t i = 2; i < Backups::files_max; ++i) {
    folder.make("darter.db.backup-2026010" + std::to_string(i) + "T000000Z");
  }
  fault = "no space";
  CHECK(make_backup(backups).error() == "The store cannot be backed up while it fails: no space.");
  fault.clear();
  CHECK(make_backup(backups));
  CHECK(make_backup(backups).error().find(backups.folder() + " has 10 backups") == 0);
  const auto list = backups.list();
  REQUIRE(list.size() == Backups::files_max - 1);
  CHECK(list[1].name == "darter.db.backup-20260109T000000Z");
  CHECK(list.back().name == "darter.db.backup-20260102T000000Z");
}

TEST_CASE("a list of backups has the newest ones", "[backups]") {
  BackupFolder folder;
  for (std::size_t i = 0; i < Backups::rows_max + 5; ++i) {
    folder.make("darter.db.backup-20260101T000" + std::to_string(100 + i) + "Z");
  }
  const auto list = Backups(folder.store(), no_fault).list();
  REQUIRE(list.size() == Backups::rows_max);
  CHECK(list.front().name == "darter.db.backup-20260101T000204Z");
  CHECK(list.back().name == "darter.db.backup-20260101T000105Z");
}

TEST_CASE("the end of the broker ends a backup, and answers it", "[backups]") {
  BackupFolder folder;
  const auto store = folder.open_store();
  Backups backups(folder.store(), no_fault);
  std::promise<Backups::Result> made;
  REQUIRE(backups.begin([&](const Backups::Result& result) { made.set_value(result); }));
  backups.stop();
  auto future = made.get_future();
  REQUIRE(future.wait_for(std::chrono::seconds(0)) == std::future_status::ready);
  const auto result = future.get();
  CHECK((result || result.error() == "The broker is stopping."));
  CHECK(backups.list().size() == (result ? 1 : 0));
}

}  // namespace server
