#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>

#include "persistence/backup.h"
#include "persistence/writer.h"
#include "test/persistence/fixture.h"

// Files that are removed, replaced or cut while the store is open, and how it begins anew.

namespace {

using broker::LogType;
using broker::ShardIndex;
using persistence::RenewalPortion;
using persistence::RenewalStep;
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

/// The files of a store as a process leaves them that is killed now, in a folder of their own.
std::string files_after_kill(const Folder& folder, const Folder& other) {
  for (const char* const part : {"", "-wal"}) {
    const std::string name = std::string("darter.db") + part;
    if (!std::filesystem::exists(folder.file(name))) continue;
    std::filesystem::copy_file(folder.file(name), other.file(name));
  }
  return other.file("darter.db");
}

/// Waits for what another thread does.
template <typename Condition>
void wait_until(const Condition& condition) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  while (!condition()) {
    REQUIRE(std::chrono::steady_clock::now() < end);
    std::this_thread::yield();
  }
}

const Loss losses[] = {
    {"darter.db is gone", [](const std::string& path) { std::filesystem::remove(path); }},
    {"darter.db was replaced by another file",
     [](const std::string& path) {
       std::filesystem::copy_file(path, path + ".copy");
       std::filesystem::rename(path + ".copy", path);
     }},
    {"darter.db was replaced by another file",
     [](const std::string& path) {
       std::filesystem::rename(path, path + ".moved");
       std::filesystem::create_symlink(path + ".moved", path);
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

TEST_CASE("a log that was cut is lost, though commits that follow make it as long again",
          "[lost]") {
  Folder folder;
  Folder other;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  for (std::uint64_t key = 1; key <= 3; ++key) REQUIRE(test::write(*store, one(key)));
  std::filesystem::resize_file(path + "-wal", 10'000);
  REQUIRE_FALSE(test::write(*store, one(4)));
  store->roll_back();
  CHECK(store->files_differ()->ends_with("darter.db-wal was cut short"));
  REQUIRE(store->renew([](const Store::Give& give) {
    for (std::uint64_t key = 1; key <= 4; ++key) give(one(key).batch);
  }));
  REQUIRE(test::write(*store, one(5)));
  const auto again = test::open_store(files_after_kill(folder, other), log);
  CHECK(test::contents_of(*again).loaded.sessions == 5);
}

TEST_CASE("a store behind a symbolic link is the file that the link leads to", "[lost]") {
  Folder folder;
  Folder other;
  Lines log;
  const std::string path = folder.file("darter.db");
  const std::string file = other.file("elsewhere.db");
  std::filesystem::create_symlink(file, path);
  {
    const auto store = test::open_store(path, log);
    REQUIRE(test::write(*store, one(1)));
    CHECK_FALSE(store->files_differ());
    CHECK_FALSE(Store::open({.path = file}, log));  // one lock for both names
    REQUIRE(persistence::back_up(path, folder.file("copy"), {}));
    CHECK(test::value_in(folder.file("copy"), "SELECT count(*) FROM session") == "1");
    std::filesystem::copy_file(file + "-wal", path + "-wal");
  }
  // As after a crash and a move of the database alone.
  const auto refused = Store::open({.path = path}, log);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().find("lies beside the link") != std::string::npos);
  std::filesystem::remove(path + "-wal");
  CHECK(test::contents_of(*test::open_store(path, log)).loaded.sessions == 1);
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

TEST_CASE("a store that is half written anew says so at the next start", "[lost]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  REQUIRE(test::write(*store, one(1)));
  REQUIRE(store->begin());
  REQUIRE(store->set_note("imported", "once"));
  REQUIRE(store->commit());
  const bool was_there = GENERATE(true, false);
  if (was_there) {
    std::filesystem::resize_file(path + "-wal", 0);
  } else {
    std::filesystem::remove(path);
  }
  REQUIRE(store->begin_renewal());
  CHECK(store->kept_as().empty() != was_there);
  REQUIRE(store->write(one(1).batch));
  REQUIRE(store->write(one(2).batch));
  const std::string unfinished = "was being written anew, for its files had been lost";
  {
    Folder other;
    const std::string left = files_after_kill(folder, other);
    Lines lines;
    CHECK_FALSE(Store::open({.path = left, .refuse_damaged = true}, lines));
    {
      const auto next = test::open_store(left, lines);
      CHECK(lines.count(LogType::error, unfinished) == 1);
      CHECK(lines.count(LogType::error, "was kept as") == (was_there ? 1 : 0));
      CHECK(test::contents_of(*next).loaded.sessions == 0);
      CHECK(next->note("imported") == "once");
    }
    // It was told; what comes is whole.
    CHECK(test::open_store(left, lines) != nullptr);
    CHECK(lines.count(LogType::error, unfinished) == 1);
  }
  CHECK_FALSE(persistence::back_up(path, folder.file("backup"), {}));
  REQUIRE(store->commit_renewal());
  Folder other;
  const auto next = test::open_store(files_after_kill(folder, other), log);
  CHECK(log.count(LogType::error, unfinished) == 0);
  CHECK(test::contents_of(*next).loaded.sessions == 2);
  CHECK(persistence::back_up(path, folder.file("backup"), {}));
}

TEST_CASE("the log of a lost store is none of the fresh one's", "[lost]") {
  Folder folder;
  Folder other;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  REQUIRE(test::write(*store, one(1)));
  // Killed when the fresh file has taken the place, and the log still stands there.
  std::filesystem::copy_file(path + "-wal", other.file("darter.db-wal"));
  std::filesystem::remove(path);
  REQUIRE(store->begin_renewal());
  std::filesystem::copy_file(path, other.file("darter.db"));
  const auto next = test::open_store(other.file("darter.db"), log);
  CHECK(log.count(LogType::error, "was being written anew") == 1);
  CHECK(test::contents_of(*next).loaded.sessions == 0);
  store->roll_back();
}

TEST_CASE("a file that is put in the place of a half-written store is kept", "[lost]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  std::filesystem::remove(path);
  REQUIRE(store->begin_renewal());
  store->roll_back();
  REQUIRE(store->begin_renewal());
  CHECK(store->kept_as().empty());
  store->roll_back();
  std::ofstream(path + ".copy") << "a backup";
  std::filesystem::rename(path + ".copy", path);
  REQUIRE(store->begin_renewal());
  CHECK(std::filesystem::file_size(store->kept_as()) == 8);
  REQUIRE(store->commit_renewal());
}

TEST_CASE("a writer asks all shards for their rows, and commits them together", "[lost]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  std::atomic<int> done = 0;
  Writer writer(*store, log, [&](ShardIndex, std::uint64_t position) {
    if (position == 77) ++done;
  });
  std::filesystem::remove(path);
  wait_until([&] { return writer.lost(); });
  REQUIRE(store->begin_renewal());
  // The first try is lost once more, by a shard's second portion.
  std::atomic<bool> lose = true;
  std::atomic<int> asked = 0;
  std::vector<std::jthread> answers;
  const auto ask = [&](std::uint64_t renewal, ShardIndex shard, RenewalStep step) {
    const auto index = static_cast<std::uint64_t>(shard);
    RenewalPortion portion;
    portion.renewal = renewal;
    portion.shard = shard;
    if (step == RenewalStep::begin) portion.more = true;
    if (step == RenewalStep::rows) portion.batch = std::move(one(1 + index).batch);
    if (step == RenewalStep::end) {
      ++asked;
      portion.batch = std::move(one(11 + index).batch);
      portion.batch.position = 77;
    }
    if (step == RenewalStep::rows && shard == ShardIndex{1} && lose.exchange(false)) {
      std::filesystem::remove(path);
      return;  // and says nothing, so that the loss is noticed before the end
    }
    // From another thread, as a loop does.
    answers.emplace_back(
        [&writer, portion = std::move(portion)]() mutable { writer.give(std::move(portion)); });
  };
  SECTION("at once") { lose = false; }
  SECTION("lost once more") {}
  const bool again = lose;
  writer.renew(2, ask);
  if (again) {
    wait_until([&] { return writer.lost(); });
    CHECK(done == 0);
    REQUIRE(store->begin_renewal());
    writer.renew(2, ask);
  }
  wait_until([&] { return writer.wait_renewed(std::chrono::milliseconds(10)); });
  CHECK_FALSE(writer.lost());
  CHECK(done == 2);
  CHECK(asked == 2);
  CHECK(writer.figures().renewals == 1);
  CHECK_FALSE(writer.figures().failing);
  CHECK(log.count(LogType::notice, "was written anew: 4 rows, in ") == 1);
  CHECK(test::value_in(path, "SELECT count(*) FROM session") == "4");
}
