#include <catch2/catch.hpp>
#include <filesystem>
#include <sqlite3.h>
#include <string>
#include <unistd.h>
#include <vector>

#include "persistence/store.h"
#include "test/persistence/fixture.h"

// A store whose rows a disk has changed: what is left of it is loaded.

namespace {

namespace fs = std::filesystem;
using broker::JournalBatch;
using persistence::Store;

class Lines final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType /*type*/) const noexcept override { return true; }
  void write(broker::LogType /*type*/, std::string_view line) override { all += line; }
  std::string all;
};

/// A store in a folder of its own, and what came back from it.
class Scene {
 public:
  Scene() {
    std::string name = (fs::temp_directory_path() / "darter-loader-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    folder_ = name;
    open();
    store_.reset();
    run("INSERT INTO session VALUES(1,'c','','',0,5,0,0,100,NULL,0,"
        "NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL);"
        "INSERT INTO message VALUES(5,'t',x'70',x'',1,0,NULL);"
        "INSERT INTO subscription VALUES(1,'','t',1,0,0,0);"
        "INSERT INTO delivery VALUES(1,0,5,1,0,x'','','');"
        "INSERT INTO incoming VALUES(1,1);"
        "INSERT INTO retained VALUES('t',5,'','',0)");
  }
  ~Scene() {
    store_.reset();
    fs::remove_all(folder_);
  }
  Scene(const Scene&) = delete;
  Scene& operator=(const Scene&) = delete;

  void run(const std::string& sql) {
    sqlite3* database = nullptr;
    REQUIRE(sqlite3_open(path().c_str(), &database) == SQLITE_OK);
    CHECK(sqlite3_exec(database, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
    sqlite3_close(database);
  }
  std::string value(const std::string& sql) { return test::value_in(path(), sql); }
  void open() {
    auto opened = Store::open({.path = path()}, log);
    REQUIRE(opened);
    store_ = std::move(*opened);
  }
  /// Rows of all kinds that came back.
  std::size_t load() {
    open();
    persistence::Restorer restorer;
    restorer.home_of = restorer.keeper_of = [](std::string_view) { return 0U; };
    std::size_t rows = 0;
    restorer.restore = [&](std::uint32_t, const JournalBatch& batch) { rows += batch.size(); };
    const auto loaded = store_->load(restorer);
    REQUIRE(loaded);
    last_key = loaded->last_key;
    return rows;
  }
  [[nodiscard]] std::string path() const { return folder_ / "store.db"; }

  Lines log;
  std::uint64_t last_key = 0;

 private:
  fs::path folder_;
  std::unique_ptr<Store> store_;
};

}  // namespace

TEST_CASE("sound rows are all loaded", "[loader]") {
  Scene scene;
  CHECK(scene.load() == 6);
  CHECK(scene.last_key == 5);
  CHECK(scene.log.all.empty());
}

TEST_CASE("a row with a value out of its range is left out, and the log says so", "[loader]") {
  const auto damage = GENERATE(
      as<std::string>(), "UPDATE message SET qos = 3",
      "UPDATE message SET expires_ms = -9223372036854775808",
      "UPDATE message SET expires_ms = 9223372036854775807",
      "UPDATE message SET topic = zeroblob(70000)",
      "UPDATE subscription SET identifier = 5000000000", "UPDATE subscription SET qos = -1",
      "UPDATE delivery SET number = -1", "UPDATE delivery SET qos = 7",
      "UPDATE delivery SET message_id = -5", "UPDATE retained SET listener = 70000",
      "UPDATE retained SET message_id = 9223372036854775807");
  CAPTURE(damage);
  Scene scene;
  scene.run(damage);
  CHECK(scene.load() == 5);
  CHECK(scene.last_key == 5);  // a key is taken, whatever is wrong with its row
  CHECK_THAT(scene.log.all, Catch::Contains("1 rows make no sense and were left out"));
}

TEST_CASE("keys that would run over begin nothing", "[loader]") {
  Scene scene;
  scene.run("UPDATE message SET id = 9223372036854775807");
  CHECK(scene.load() == 5);
  CHECK(scene.last_key == 1);
}

TEST_CASE("a store whose version is below zero is set aside", "[loader]") {
  Scene scene;
  scene.run("PRAGMA user_version = -1");
  CHECK(scene.load() == 0);
  CHECK_THAT(scene.log.all, Catch::Contains("damaged") && Catch::Contains("set aside"));
}

TEST_CASE("identifiers that version 1 had in one row come back one by one", "[loader]") {
  Scene scene;
  scene.run(
      "DROP TABLE incoming;"
      "CREATE TABLE incoming(session_id INTEGER PRIMARY KEY, packet_ids BLOB NOT NULL);"
      "INSERT INTO incoming VALUES(1,x'0100FF0A00000900');"
      "PRAGMA user_version = 1");
  CHECK(scene.load() == 8);  // three instead of one; 0 is none
  CHECK(scene.value("SELECT group_concat(packet_id) FROM incoming") == "1,9,2815");
}
