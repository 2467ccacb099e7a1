#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "persistence/writer.h"
#include "test/persistence/fixture.h"

// Files that are removed, replaced or cut while the store is open, and how it begins anew.

namespace {

using broker::LogType;
using broker::ShardIndex;
using persistence::Store;
using persistence::StoreOptions;
using persistence::Writer;
using test::Folder;
using test::Lines;
using test::Rows;

Rows one(std::uint64_t key) {
  Rows rows;
  rows.session(key, "client" + std::to_string(key));
  return rows;
}

/// A way to lose a store at `path`, and the clause that names it.
struct Loss {
  const char* what;
  void (*happen)(const std::string& path);
};

const Loss losses[] = {
    {"darter.db is gone", [](const std::string& path) { std::filesystem::remove(path); }},
    {"darter.db was replaced by another file",
     [](const std::string& path) {
       std::filesystem::copy_file(path, path + ".copy");
       std::filesystem::rename(path + ".copy", path);
     }},
    {"darter.db was cut short",
     [](const std::string& path) { std::filesystem::resize_file(path, 4096); }},
    {"darter.db was written by another program",
     [](const std::string& path) { std::ofstream(path, std::ios::app) << "more"; }},
    {"darter.db-wal is gone",
     [](const std::string& path) { std::filesystem::remove(path + "-wal"); }},
    {"darter.db-wal was cut short",
     [](const std::string& path) { std::filesystem::resize_file(path + "-wal", 0); }},
    {"darter.db.lock is gone",
     [](const std::string& path) { std::filesystem::remove(path + ".lock"); }},
};

}  // namespace

TEST_CASE("a store whose files are lost says so, and begins anew", "[lost]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const std::size_t which = GENERATE(range(std::size_t{0}, std::size(losses)));
  CAPTURE(losses[which].what);
  {
    const auto store = test::open_store(path, log);
    REQUIRE(test::write(
        *store,
        Rows().session(1, "client1").session(2, "client2").message(7, "t", "x").retained("t", 7)));
    REQUIRE(store->begin());
    REQUIRE(store->set_note("imported", "once"));
    REQUIRE(store->commit());
    REQUIRE_FALSE(store->files_differ());
    losses[which].happen(path);
    const auto difference = store->files_differ();
    REQUIRE(difference);
    CHECK(difference->ends_with(losses[which].what));
    // Two shards that hold the message; of the first, one session more than before.
    const Rows first = std::move(
        Rows().session(1, "client1").session(3, "client3").message(7, "t", "x").retained("t", 7));
    const Rows second =
        std::move(Rows().session(2, "client2").message(7, "t", "x").delivery(2, 0, 7));
    REQUIRE(store->renew([&](const Store::Give& give) {
      give(first.batch);
      give(second.batch);
    }));
    CHECK_FALSE(store->files_differ());
    REQUIRE(test::write(*store, std::move(Rows().finished(2, 0).dropped(7))));
    CHECK(test::value_in(path, "SELECT count(*) FROM message") == "1");
    REQUIRE(test::write(*store, one(4)));
    CHECK_FALSE(store->files_differ());
  }
  CHECK_FALSE(std::filesystem::exists(path + "-wal"));
  const auto again = test::open_store(path, log);
  CHECK(test::contents_of(*again).loaded.sessions == 4);
  CHECK(again->note("imported") == "once");
  CHECK(log.count(LogType::error, "") == 0);
}

TEST_CASE("a store that another darter has meanwhile stays lost", "[lost]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  for (const char* const part : {"", "-wal", "-shm", ".lock"}) {
    std::filesystem::remove(path + part);
  }
  auto other = test::open_store(path, log);
  REQUIRE(test::write(*other, one(1)));
  const auto rewrite = [](const Store::Give& give) { give(one(2).batch); };
  for (int i = 0; i < 2; ++i) {
    const auto renewed = store->renew(rewrite);
    REQUIRE_FALSE(renewed);
    CHECK(renewed.error().find("is in use by another darter") != std::string::npos);
  }
  std::filesystem::remove(path + ".lock");
  CHECK(store->renew(rewrite).error().find("was opened by another darter") != std::string::npos);
  CHECK(test::contents_of(*other).loaded.sessions == 1);
  other.reset();
  REQUIRE(store->renew(rewrite));
  CHECK(test::value_in(path, "SELECT id FROM session") == "2");
}

TEST_CASE("a writer acknowledges nothing of a store that is lost", "[lost]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  std::atomic<int> done = 0;
  Writer writer(*store, log, [&](ShardIndex, std::uint64_t) { ++done; });
  const auto wait_until = [](const auto& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::yield();
    }
  };
  writer.submit(ShardIndex{0}, std::move(one(1).batch));
  wait_until([&] { return done == 1; });
  CHECK_FALSE(writer.lost());
  std::filesystem::remove(path);
  wait_until([&] { return writer.lost(); });
  CHECK(log.count(LogType::error, "The store is lost: " + path + " is gone.") == 1);
  CHECK(writer.figures().failing);
  writer.submit(ShardIndex{0}, std::move(one(2).batch));
  REQUIRE(store->renew([](const Store::Give& give) {
    give(one(1).batch);
    give(one(2).batch);
  }));
  writer.renewed();
  CHECK(writer.figures().renewals == 1);
  CHECK_FALSE(writer.figures().failing);
  writer.submit(ShardIndex{0}, std::move(one(3).batch));
  wait_until([&] { return done == 2; });
  CHECK(test::value_in(path, "SELECT count(*) FROM session") == "3");
}
