#include "persistence/store.h"

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <string_view>
#include <sys/stat.h>

#include "persistence/database.h"
#include "persistence/schema.h"
#include "test/persistence/fixture.h"

// The rows of batches on disk and back, and files that are not as they should be.

namespace {

using broker::LogType;
using persistence::Database;
using persistence::Schema;
using persistence::Store;
using persistence::StoreOptions;
using test::Contents;
using test::Folder;
using test::Lines;
using test::Rows;
using Text = std::vector<std::string>;

persistence::StoreClock::Read clock_at(std::int64_t wall_milliseconds) {
  return [wall_milliseconds] { return persistence::ClockReading{wall_milliseconds, 0, {}}; };
}

}  // namespace

TEST_CASE("every member of every kind of row comes back as it was", "[store]") {
  Folder folder;
  Lines log;
  Rows rows;
  rows.session(3, "client1").subscription(3, "a/+").subscription(3, "s/#", true, "group");
  broker::JournalBatch::Session& session = rows.batch.sessions[0];
  session.user_name = rows.batch.put("user");
  session.mount_point = rows.batch.put("mount/");
  session.listener = 2;
  session.version = mqtt::Version::v3_1_1;
  session.from_bridge = session.connected = true;
  session.expiry_interval_seconds = 4'000'000'000;
  session.expires = broker::Instant{123'456};
  session.sent_end = 1'000'000'000'000;
  session.will.topic = rows.batch.put("will/topic");
  session.will.payload = rows.batch.put(std::string_view("gone\0\xFF", 6));
  session.will.properties = rows.batch.put("\x01\x01");
  session.will.qos = mqtt::Qos::exactly_once;
  session.will.retain = true;
  session.will.delay_interval_seconds = 4'294'967'295;
  session.will.message_expiry_interval_seconds = 0;
  session.will.due = broker::Instant{-5};
  rows.message(5, "a/1", std::string_view("\0binary", 7)).message(6, "a/2", "");
  rows.batch.messages[0].expires = broker::Instant{99};
  rows.batch.messages[0].retain = true;
  rows.batch.messages[0].properties = rows.batch.put("\x01\x01");
  rows.delivery(3, 1'000'000'000'000, 5).delivery(3, 1'000'000'000'001, 0);
  rows.batch.deliveries[0].retain = true;
  rows.batch.deliveries[0].share_name = rows.batch.put("group");
  rows.batch.deliveries[0].share_filter = rows.batch.put("s/#");
  rows.incoming(3, 0x109).retained("a/2", 6).forward(8, 6).forward(9, 6, "group");
  {
    const auto store = test::open_store(folder.file("darter.db"), log);
    REQUIRE(test::write(*store, rows));
  }
  const auto store = test::open_store(folder.file("darter.db"), log);
  const Contents contents = test::contents_of(*store);
  CHECK(contents.rows ==
        Text{"0 session|3|client1|user|mount/|2|4|1|1|4000000000|123456|1000000000000",
             "0 will|will/topic|" + std::string("gone\0\xFF", 6) + "|\x01\x01|2|1|4294967295|0|-5",
             "0 subscription|3||a/+|1|1|0|268435455", "0 subscription|3|group|s/#|1|1|0|268435455",
             "0 message|5|a/1|" + std::string("\0binary", 7) + "|\x01\x01|2|1|99",
             "0 message|6|a/2|||2|0|-",
             "0 forward|8|6|2|3|18446744073709551600|5|||77|publisher||0",
             "0 forward|9|6|2|3|18446744073709551600|5|group|f/#|77|publisher||0",
             "0 delivery|3|1000000000000|5|2|1|0|4|group|s/#",
             "0 delivery|3|1000000000001|0|2|0|1|4||", "0 incoming|3|265",
             "0 retained|a/2|6|publisher|user|1"});
  CHECK(contents.loaded.sessions == 1);
  CHECK(contents.loaded.subscriptions == 2);
  CHECK(contents.loaded.queued == 2);
  CHECK(contents.loaded.retained == 1);
  CHECK(contents.loaded.forwards == 2);
  CHECK(contents.loaded.last_key == 9);
}

TEST_CASE("later rows replace, finish and end what earlier ones wrote", "[store]") {
  Folder folder;
  Lines log;
  const auto store = test::open_store(folder.file("darter.db"), log);
  REQUIRE(test::write(*store, Rows()
                                  .session(1, "stays1")
                                  .session(2, "goes1")
                                  .subscription(1, "a")
                                  .subscription(1, "b")
                                  .subscription(2, "a")
                                  .message(3, "a", "one")
                                  .message(4, "a", "two")
                                  .delivery(1, 0, 3)
                                  .delivery(1, 1, 4)
                                  .delivery(2, 0, 3)
                                  .incoming(1, 257)
                                  .incoming(2, 257)
                                  .retained("r", 4)
                                  .forward(5, 4)));
  REQUIRE(test::write(*store, Rows()
                                  .session(1, "stays1")
                                  .subscription(1, "b", false)
                                  .subscription(2, "late")  // of a session that ends with it
                                  .finished(1, 0)
                                  .released(1, 1)
                                  .incoming(1, 257, false)
                                  .retained("r", 0)
                                  .arrived(5)
                                  .ended(2)
                                  .dropped(3)
                                  .dropped(4)));
  CHECK(test::contents_of(*store).rows == Text{"0 session|1|stays1|||0|5|0|0|4294967295|-|0",
                                               "0 subscription|1||a|1|1|0|268435455",
                                               "0 delivery|1|1|0|2|0|1|4||"});
  for (const char* const table : {"message", "incoming", "retained", "forward"}) {
    CHECK(test::value_in(folder.file("darter.db"), std::string("SELECT count(*) FROM ") + table) ==
          "0");
  }
}

TEST_CASE("a client that comes anew has one session, whose rows are its own", "[store]") {
  Folder folder;
  Lines log;
  const auto store = test::open_store(folder.file("darter.db"), log);
  REQUIRE(test::write(*store, Rows().session(1, "client1").subscription(1, "old")));
  REQUIRE(test::write(*store, Rows().session(2, "client1").subscription(2, "new").ended(1)));
  CHECK(test::contents_of(*store).rows == Text{"0 session|2|client1|||0|5|0|0|4294967295|-|0",
                                               "0 subscription|2||new|1|1|0|268435455"});
}

TEST_CASE("a message is one row until the last shard has dropped it", "[store]") {
  Folder folder;
  Lines log;
  const bool restart = GENERATE(false, true);
  auto store = test::open_store(folder.file("darter.db"), log);
  // Three shards store it, each in a transaction of its own.
  for (const std::uint64_t session : {0U, 1U, 2U}) {
    Rows rows;
    rows.session(session + 10, "client" + std::to_string(session));
    rows.message(7, "t", "payload").delivery(session + 10, 0, 7);
    REQUIRE(test::write(*store, rows));
  }
  const auto messages = [&] {
    return test::value_in(folder.file("darter.db"), "SELECT count(*) FROM message");
  };
  if (restart) {
    store.reset();
    store = test::open_store(folder.file("darter.db"), log);
    CHECK(test::contents_of(*store, 3).loaded.queued == 3);
  }
  CHECK(messages() == "1");
  REQUIRE(test::write(*store, Rows().finished(10, 0).dropped(7)));
  REQUIRE(test::write(*store, Rows().finished(11, 0).dropped(7)));
  CHECK(messages() == "1");
  REQUIRE(test::write(*store, Rows().finished(12, 0).dropped(7)));
  CHECK(messages() == "0");
}

TEST_CASE("what was rolled back never was, nor who held what", "[store]") {
  Folder folder;
  Lines log;
  const auto store = test::open_store(folder.file("darter.db"), log);
  REQUIRE(test::write(*store,
                      Rows().session(1, "client0").message(7, "t", "payload").delivery(1, 0, 7)));
  REQUIRE(store->begin());
  REQUIRE(store->write(
      Rows().session(2, "client1").message(7, "t", "payload").delivery(2, 0, 7).batch));
  store->roll_back();
  CHECK(test::contents_of(*store, 2).loaded.sessions == 1);
  REQUIRE(test::write(*store, Rows().finished(1, 0).dropped(7)));
  CHECK(test::value_in(folder.file("darter.db"), "SELECT count(*) FROM message") == "0");
}

TEST_CASE("messages that nobody refers to go at load", "[store]") {
  Folder folder;
  Lines log;
  const auto shards = GENERATE(1U, 3U);
  const auto store = test::open_store(folder.file("darter.db"), log);
  REQUIRE(test::write(*store, Rows()
                                  .session(1, "client0")
                                  .message(2, "t", "garbage")
                                  .message(3, "t", "queued")
                                  .message(4, "t", "retained")
                                  .message(5, "t", "on its way")
                                  .message(6, "t", "garbage")
                                  .delivery(1, 0, 3)
                                  .retained("t", 4)
                                  .forward(7, 5)));
  CHECK(test::contents_of(*store, shards).loaded.cleaned == 2);
  CHECK(test::value_in(folder.file("darter.db"), "SELECT group_concat(id) FROM message") ==
        "3,4,5");
}

TEST_CASE("the end of all forwards takes the messages that only they held", "[store]") {
  Folder folder;
  Lines log;
  const auto shards = GENERATE(1U, 2U);
  const auto store = test::open_store(folder.file("darter.db"), log);
  REQUIRE(test::write(*store, Rows()
                                  .session(1, "client0")
                                  .message(3, "t", "queued too")
                                  .message(5, "t", "on its way only")
                                  .message(6, "t", "new to a session")
                                  .delivery(1, 0, 3)
                                  .forward(7, 3)
                                  .forward(8, 5)
                                  .forward(9, 6)
                                  .forward(10, 6)));
  CHECK(test::contents_of(*store, shards).loaded.forwards == 4);
  REQUIRE(store->begin());
  REQUIRE(store->write(Rows().message(6, "t", "new to a session").delivery(1, 1, 6).batch));
  REQUIRE(store->end_forwards());
  REQUIRE(store->commit());
  const std::string path = folder.file("darter.db");
  CHECK(test::value_in(path, "SELECT group_concat(id) FROM message") == "3,6");
  CHECK(test::value_in(path, "SELECT count(*) FROM forward") == "0");
  REQUIRE(test::write(*store, Rows().finished(1, 0).finished(1, 1).dropped(3).dropped(6)));
  CHECK(test::value_in(path, "SELECT count(*) FROM message") == "0");
}

TEST_CASE("instants are kept as times of the day, whatever the clock of instants is", "[store]") {
  Folder folder;
  Lines log;
  StoreOptions options;
  options.path = folder.file("darter.db");
  options.clock = clock_at(1'800'000'000'000);
  {
    auto store = Store::open(options, log);
    REQUIRE(store);
    Rows rows;
    rows.session(1, "client0");
    rows.batch.sessions[0].expires = broker::Instant{5'000};
    REQUIRE(test::write(**store, rows));
  }
  CHECK(test::value_in(options.path, "SELECT expires_ms FROM session") == "1800000005000");
  options.clock = clock_at(1'800'000'004'000);  // another boot: Instant 0 is another time
  auto store = Store::open(options, log);
  REQUIRE(store);
  CHECK(test::contents_of(**store).rows[0] == "0 session|1|client0|||0|5|0|0|4294967295|1000|0");
}

TEST_CASE("only the owner may read the files", "[store]") {
  Folder folder;
  Lines log;
  const mode_t before = ::umask(0);
  const auto store = test::open_store(folder.file("darter.db"), log);
  REQUIRE(test::write(*store, Rows().session(1, "client0")));
  ::umask(before);
  for (const char* const name : {"darter.db", "darter.db-wal", "darter.db-shm", "darter.db.lock"}) {
    struct stat status{};
    CAPTURE(name);
    REQUIRE(::stat(folder.file(name).c_str(), &status) == 0);
    CHECK((status.st_mode & 0777) == 0600);
  }
}

TEST_CASE("a second store on the same file is refused, until the first is gone", "[store]") {
  Folder folder;
  Lines log;
  StoreOptions options;
  options.path = folder.file("darter.db");
  auto first = test::open_store(options.path, log);
  const auto second = Store::open(options, log);
  REQUIRE_FALSE(second);
  CHECK(second.error() == "The store " + options.path +
                              " is in use by another darter. Stop that one, or give this one "
                              "another persistence_location.");
  first.reset();
  CHECK(Store::open(options, log));
}

TEST_CASE("a damaged file is set aside, with one line, or refused", "[store]") {
  Folder folder;
  Lines log;
  StoreOptions options;
  options.path = folder.file("darter.db");
  options.refuse_damaged = GENERATE(false, true);
  const bool header = GENERATE(false, true);
  {
    const auto store = test::open_store(options.path, log);
    for (std::uint64_t i = 1; i < 300; ++i) {
      REQUIRE(test::write(*store, Rows().session(i, "client" + std::to_string(i))));
    }
  }
  {
    // Not a database at all, or pages in the middle of one; what the log has of them is good.
    std::filesystem::remove(options.path + "-wal");
    std::fstream file(options.path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(header ? 0 : 3 * 4096);
    for (int i = 0; i < 4096; ++i) file.put('x');
  }
  const auto opened = Store::open(options, log);
  std::size_t aside = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
    const std::string name = entry.path().filename().string();
    // NAME.damaged-YYYYMMDDTHHMMSS; what belongs to it has more behind.
    constexpr std::string_view start = "darter.db.damaged-";
    if (name.starts_with(start) && name.size() == start.size() + 15) ++aside;
  }
  CHECK(aside == (options.refuse_damaged ? 0 : 1));
  CHECK(log.count(LogType::error, "") == (options.refuse_damaged ? 0 : 1));
  if (options.refuse_damaged) {
    REQUIRE_FALSE(opened);
    CHECK(opened.error().find("is damaged (") != std::string::npos);
    CHECK(opened.error().find("Repair it or move it away") != std::string::npos);
    return;
  }
  REQUIRE(opened);
  CHECK(log.count(LogType::error, "It was set aside as " + options.path + ".damaged-") == 1);
  CHECK(test::contents_of(**opened).rows.empty());
  CHECK(test::write(**opened, Rows().session(1, "client0")));
}

TEST_CASE("a file of a newer version, and a database of others, are left alone", "[store]") {
  Folder folder;
  Lines log;
  StoreOptions options;
  options.path = folder.file("darter.db");
  const auto [sql, says] = GENERATE(table<std::string, std::string>({
      {"PRAGMA application_id = 1145131604; PRAGMA user_version = 99;",
       "its version is 99, and this darter knows none above 2"},
      {"CREATE TABLE customers(name);", "it is a database, but not darter's"},
  }));
  {
    auto database = Database::open(options.path);
    REQUIRE(database);
    REQUIRE(database->execute(sql));
  }
  const auto store = Store::open(options, log);
  REQUIRE_FALSE(store);
  CHECK(store.error() == "The store " + options.path + " cannot be opened: " + says + ".");
  CHECK(log.count(LogType::error, "") == 0);
}

TEST_CASE("an older schema is led to the newest, step by step, all or nothing", "[schema]") {
  Folder folder;
  const std::string path = folder.file("darter.db");
  auto database = Database::open(path);
  REQUIRE(database);
  const auto reached = GENERATE(0, 1, 2, 3);
  const std::vector<std::string> steps = {
      "CREATE TABLE fruit(name TEXT); INSERT INTO fruit VALUES('apple');",
      "ALTER TABLE fruit ADD COLUMN colour TEXT; UPDATE fruit SET colour = 'red';",
      "CREATE TABLE basket(fruit TEXT); INSERT INTO basket SELECT name FROM fruit;",
  };
  const std::vector<std::string> some(steps.begin(), steps.begin() + reached);
  REQUIRE(Schema::lead(*database, some));
  CHECK(*database->value("PRAGMA user_version") == std::to_string(reached));
  REQUIRE(Schema::lead(*database, steps));
  CHECK(*database->value("PRAGMA user_version") == "3");
  CHECK(*database->value("PRAGMA application_id") == std::to_string(Schema::application_id));
  CHECK(*database->value("SELECT colour || basket.fruit FROM fruit, basket") == "redapple");
  REQUIRE(Schema::lead(*database, steps));  // nothing is left to do

  std::vector<std::string> broken = steps;
  broken.emplace_back("CREATE TABLE leaf(x);");
  broken.emplace_back("CREATE TABLE fruit(again);");
  CHECK_FALSE(Schema::lead(*database, broken));
  CHECK(*database->value("PRAGMA user_version") == "3");
  CHECK(*database->value("SELECT count(*) FROM sqlite_schema WHERE name = 'leaf'") == "0");
}

TEST_CASE("the format document shows the tables that the program makes", "[schema]") {
  Folder folder;
  Lines log;
  const auto store = test::open_store(folder.file("darter.db"), log);
  std::ifstream file(std::string(DARTER_SOURCE_DIR) + "/persistence/README.md");
  const std::string document((std::istreambuf_iterator<char>(file)),
                             std::istreambuf_iterator<char>());
  REQUIRE_FALSE(document.empty());
  auto database = Database::open(folder.file("darter.db"));
  REQUIRE(database);
  auto tables = database->prepare("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL");
  REQUIRE(tables);
  std::set<std::string> names;
  for (auto more = tables->next(); more && *more; more = tables->next()) {
    const std::string name(tables->text());
    const std::string sql(tables->text());
    CAPTURE(name);
    names.insert(name);
    // The definition as it is, and a row for each column in the table below it.
    CHECK(document.find(sql + ";\n") != std::string::npos);
  }
  CHECK(names.size() == 8);
  auto columns = database->prepare(
      "SELECT s.name, c.name FROM sqlite_schema s, pragma_table_info(s.name) c "
      "WHERE s.type = 'table'");
  REQUIRE(columns);
  for (auto more = columns->next(); more && *more; more = columns->next()) {
    const std::string table(columns->text());
    const std::string column(columns->text());
    CAPTURE(table, column);
    CHECK(document.find("| `" + column + "` |") != std::string::npos);
  }
}
