#include <algorithm>
#include <catch2/catch.hpp>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <set>
#include <utility>

#include "persistence/writer.h"
#include "test/persistence/faulty_disk.h"
#include "test/persistence/fixture.h"

// Disks that fail: nothing is said to be stored that is not, and all goes on when they work again.

namespace {

using broker::LogType;
using broker::ShardIndex;
using persistence::Store;
using persistence::Writer;
using test::FaultyDisk;
using test::Folder;
using test::Lines;
using test::Rows;

Rows one(std::uint64_t key) {
  Rows rows;
  rows.session(key, "client" + std::to_string(key));
  return rows;
}

std::set<std::uint64_t> sessions_in(const std::string& path) {
  Lines log;
  const auto store = test::open_store(path, log);
  CHECK(log.count(LogType::error, "") == 0);  // nothing was damaged
  std::set<std::uint64_t> keys;
  for (const std::string& row : test::contents_of(*store).rows) {
    keys.insert(std::stoull(row.substr(row.find('|') + 1)));
  }
  return keys;
}

std::set<std::uint64_t> up_to(std::uint64_t last) {
  std::set<std::uint64_t> keys;
  for (std::uint64_t key = 1; key <= last; ++key) keys.insert(key);
  return keys;
}

/// A writer whose acknowledgements are counted.
class Writing {
 public:
  explicit Writing(const std::string& path) : store_(test::open_store(path, log)) {
    writer_ =
        std::make_unique<Writer>(*store_, log, [this](ShardIndex, std::uint64_t) { count(); });
  }
  ~Writing() { writer_.reset(); }
  Writing(const Writing&) = delete;
  Writing& operator=(const Writing&) = delete;

  void submit(std::uint64_t key) { writer_->submit(ShardIndex{0}, std::move(one(key).batch)); }
  void wait_for(std::uint64_t count) {
    std::unique_lock lock(mutex_);
    REQUIRE(bell_.wait_for(lock, std::chrono::seconds(30), [&] { return done_ >= count; }));
  }
  std::uint64_t done() {
    const std::lock_guard lock(mutex_);
    return done_;
  }
  template <typename Condition>
  void wait_until(Condition condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!condition()) {
      REQUIRE(std::chrono::steady_clock::now() < end);
      std::this_thread::yield();
    }
  }
  [[nodiscard]] persistence::WriterFigures figures() const { return writer_->figures(); }
  void end() { writer_.reset(); }

  Lines log;

 private:
  void count() {
    {
      const std::lock_guard lock(mutex_);
      ++done_;
    }
    bell_.notify_all();
  }
  std::mutex mutex_;
  std::condition_variable bell_;
  std::uint64_t done_ = 0;
  std::unique_ptr<Store> store_;
  std::unique_ptr<Writer> writer_;
};

}  // namespace

TEST_CASE("a checkpoint that fails takes nothing back of who refers to which message", "[faults]") {
  Folder folder;
  Lines log;
  FaultyDisk disk;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  Rows first;
  first.session(1, "client0").message(7, "t", "payload").delivery(1, 0, 7);
  Rows second;
  second.session(2, "client1").message(7, "t", "payload").delivery(2, 0, 7);
  REQUIRE(test::write(*store, {&first, &second}));
  disk.set_full(true);
  store->expect_little();
  disk.set_full(false);
  REQUIRE(test::write(*store, Rows().finished(1, 0).dropped(7)));
  CHECK(test::value_in(path, "SELECT count(*) FROM message") == "1");
}

TEST_CASE("after a power cut everything committed is there, whatever reached the disk besides",
          "[faults]") {
  Folder folder;
  Lines log;
  FaultyDisk disk;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  for (std::uint64_t key = 1; key <= 20; ++key) REQUIRE(test::write(*store, one(key)));
  // One more is written, and the power goes before, in the middle of, or after its sync.
  int cuts = 0;
  disk.before_sync([&] {
    for (const std::size_t unsynced : {0U, 1U, 24U, 4000U, 4120U, 5000U, 9000U, 100'000U}) {
      disk.power_cut(path, folder.file("cut" + std::to_string(cuts++)), unsynced);
    }
  });
  REQUIRE(test::write(*store, one(21)));
  disk.before_sync({});
  REQUIRE(cuts > 0);
  for (int cut = 0; cut < cuts; ++cut) {
    CAPTURE(cut);
    auto found = sessions_in(folder.file("cut" + std::to_string(cut)));
    found.erase(21);  // nobody was told
    CHECK(found == up_to(20));
  }
  disk.power_cut(path, folder.file("after"));
  CHECK(sessions_in(folder.file("after")) == up_to(21));
}

TEST_CASE("what a failed sync has lost is written again before it counts", "[faults]") {
  Folder folder;
  Lines log;
  FaultyDisk disk;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  for (std::uint64_t key = 1; key <= 5; ++key) REQUIRE(test::write(*store, one(key)));
  disk.fail_syncs(GENERATE(1, 3));
  int tries = 0;
  while (!test::write(*store, one(6))) {
    disk.power_cut(path, folder.file("failed" + std::to_string(tries++)));
  }
  CHECK(tries > 0);
  for (int i = 0; i < tries; ++i) {
    CHECK(sessions_in(folder.file("failed" + std::to_string(i))) == up_to(5));
  }
  for (std::uint64_t key = 7; key <= 9; ++key) REQUIRE(test::write(*store, one(key)));
  disk.power_cut(path, folder.file("cut"));
  CHECK(sessions_in(folder.file("cut")) == up_to(9));
}

TEST_CASE("frames that a failed sync has lost are no part of what a new process builds on",
          "[faults]") {
  Folder folder;
  FaultyDisk disk;
  const std::string path = folder.file("darter.db");
  Lines log;
  auto store = test::open_store(path, log);
  for (std::uint64_t key = 1; key <= 5; ++key) REQUIRE(test::write(*store, one(key)));
  disk.fail_syncs(1);
  REQUIRE_FALSE(test::write(*store, one(6)));
  // kill -9: the files are as the kernel has them, with a transaction that never reached the disk.
  const std::string left = folder.file("left");
  disk.before_sync({});
  for (const char* const part : {"", "-wal"}) {
    std::filesystem::copy_file(path + part, left + part);
  }
  disk.power_cut(path, folder.file("on-disk"));
  for (const char* const part : {"", "-wal"}) {
    // The disk knows of the copy what it knows of the original.
    std::ifstream file(folder.file("on-disk") + part, std::ios::binary);
    disk.wrote(left + part, 0,
               {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()});
    disk.sync(left + part);
  }
  const auto again = test::open_store(left, log);
  for (std::uint64_t key = 7; key <= 9; ++key) REQUIRE(test::write(*again, one(key)));
  disk.power_cut(left, folder.file("cut"));
  auto found = sessions_in(folder.file("cut"));
  found.insert(6);  // may be there: nobody was told either way
  CHECK(found == up_to(9));
}

TEST_CASE("on a full disk acknowledgements wait, the reason is said once, and all goes on",
          "[faults]") {
  Folder folder;
  FaultyDisk disk;
  const std::string path = folder.file("darter.db");
  {
    Writing writing(path);
    writing.submit(1);
    writing.wait_for(1);
    disk.set_full(true);
    writing.submit(2);
    writing.wait_until([&] { return writing.figures().failures >= 2; });
    CHECK(writing.done() == 1);
    CHECK(writing.figures().failing);
    CHECK(writing.figures().error.find("full") != std::string::npos);
    CHECK(writing.log.count(LogType::error, "cannot be written: database or disk is full") == 1);
    CHECK(writing.log.count(LogType::error, "") == 1);
    disk.set_full(false);
    writing.wait_for(2);
    writing.submit(3);
    writing.wait_for(3);
    CHECK_FALSE(writing.figures().failing);
    CHECK(writing.figures().error.empty());
    CHECK(writing.log.count(LogType::notice, "can be written again") == 1);
  }
  CHECK(sessions_in(path) == up_to(3));
}

TEST_CASE("a writer whose syncs fail tries again, and says so once", "[faults]") {
  Folder folder;
  FaultyDisk disk;
  const std::string path = folder.file("darter.db");
  {
    Writing writing(path);
    writing.submit(1);
    writing.wait_for(1);
    disk.fail_syncs(2);
    writing.submit(2);
    writing.wait_for(2);
    CHECK(writing.figures().failures == 2);
    CHECK(writing.log.count(LogType::error, "") == 1);
    disk.power_cut(path, folder.file("cut"));
  }
  CHECK(sessions_in(folder.file("cut")) == up_to(2));
}

TEST_CASE("what gathers while a sync runs becomes one transaction", "[writer]") {
  Folder folder;
  FaultyDisk disk;
  Writing writing(folder.file("darter.db"));
  writing.submit(1);
  writing.wait_for(1);
  const std::uint64_t before = writing.figures().commits;
  std::mutex gate;
  std::unique_lock closed(gate);
  disk.before_sync([&] { const std::lock_guard wait(gate); });
  const int syncs = disk.syncs();
  writing.submit(2);  // a lone one is committed at once
  writing.wait_until([&] { return disk.syncs() > syncs; });
  for (std::uint64_t key = 3; key <= 40; ++key) writing.submit(key);
  CHECK(writing.done() == 1);
  closed.unlock();
  writing.wait_for(40);
  CHECK(writing.figures().commits - before == 2);
  CHECK(writing.figures().rows == 40);
  CHECK(writing.figures().bytes > 40 * 7);
}

TEST_CASE("a writer that ends commits what was submitted", "[writer]") {
  Folder folder;
  {
    Writing writing(folder.file("darter.db"));
    for (std::uint64_t key = 1; key <= 10; ++key) writing.submit(key);
    writing.end();
    CHECK(writing.done() == 10);
  }
  CHECK(sessions_in(folder.file("darter.db")) == up_to(10));
}

TEST_CASE("a torn or spoilt end of the log costs what nobody was told of, and nothing else",
          "[faults]") {
  Folder folder;
  Lines log;
  const std::string path = folder.file("darter.db");
  const auto store = test::open_store(path, log);
  for (std::uint64_t key = 1; key <= 10; ++key) REQUIRE(test::write(*store, one(key)));
  const auto end = static_cast<std::size_t>(std::filesystem::file_size(path + "-wal"));
  for (std::uint64_t key = 11; key <= 12; ++key) REQUIRE(test::write(*store, one(key)));
  const auto whole = static_cast<std::size_t>(std::filesystem::file_size(path + "-wal"));
  const bool spoil = GENERATE(false, true);
  int copies = 0;
  for (std::size_t at = end; at < whole; at += 1021) {
    CAPTURE(at, end, whole);
    const std::string copy = folder.file("torn" + std::to_string(copies++));
    std::filesystem::copy_file(path, copy);
    std::filesystem::copy_file(path + "-wal", copy + "-wal");
    if (spoil) {
      std::fstream file(copy + "-wal", std::ios::in | std::ios::out | std::ios::binary);
      file.seekp(static_cast<std::streamoff>(at));
      file.write("\xA5\x5A\xA5\x5A\xA5\x5A\xA5\x5A\xA5", 9);
    } else {
      std::filesystem::resize_file(copy + "-wal", at);
    }
    auto found = sessions_in(copy);
    found.erase(11);
    found.erase(12);
    CHECK(found == up_to(10));
  }
  CHECK(copies > 3);
}
