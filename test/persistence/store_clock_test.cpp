#include "persistence/store_clock.h"

#include <catch2/catch.hpp>
#include <string>

#include "persistence/store.h"
#include "test/persistence/fixture.h"

// Wall clocks that are wrong at the start, and are set while the broker runs.

namespace {

using broker::Instant;
using broker::LogType;
using persistence::ClockReading;
using persistence::Store;
using persistence::StoreOptions;
using test::Folder;
using test::Lines;
using test::Rows;

constexpr std::int64_t second = 1000;
constexpr std::int64_t hour = 3600 * second;
constexpr std::int64_t day = 24 * hour;
constexpr std::int64_t today = 1'800'000'000'000;

/// A machine with a wall clock that may be wrong.
struct Machine {
  ClockReading now{today, 50 * second, "first"};

  void pass(std::int64_t milliseconds) {
    now.wall_milliseconds += milliseconds;
    now.instant_milliseconds += milliseconds;
  }
  void set_clock(std::int64_t wall) { now.wall_milliseconds = wall; }
  void start_again(const std::string& boot, std::int64_t wall, std::int64_t since_start) {
    now = {wall, since_start, boot};
  }
  [[nodiscard]] Instant in(std::int64_t milliseconds) const {
    return {now.instant_milliseconds + milliseconds};
  }
};

class Broker {
 public:
  Broker(const Folder& folder, Machine& machine) : machine_(machine) {
    StoreOptions options;
    options.path = folder.file("darter.db");
    options.clock = [&machine] { return machine.now; };
    auto opened = Store::open(options, log);
    REQUIRE(opened);
    store = std::move(*opened);
  }
  /// A session, a will and a retained message that have an hour.
  void write_all(std::uint64_t key) {
    Rows rows;
    rows.session(key, "client0");
    broker::JournalBatch::Session& session = rows.batch.sessions[0];
    session.expiry_interval_seconds = 3600;
    session.expires = machine_.in(hour);
    session.will.topic = rows.batch.put("will");
    session.will.delay_interval_seconds = 3600;
    session.will.due = machine_.in(hour);
    rows.message(key + 1, "t", "x").retained("t", key + 1);
    rows.batch.messages[0].expires = machine_.in(hour);
    REQUIRE(test::write(*store, rows));
  }
  /// The rest of an hour, for all three; they do not differ by a second.
  std::int64_t left_seconds() {
    std::int64_t message = INT64_MIN;
    std::int64_t session = INT64_MIN;
    std::int64_t will = INT64_MIN;
    for (const std::string& row : test::contents_of(*store).rows) {
      const auto last = [&](std::size_t from) { return std::stoll(row.substr(from + 1)); };
      if (row.starts_with("0 message")) message = last(row.rfind('|'));
      if (row.starts_with("0 will")) will = last(row.rfind('|'));
      if (row.starts_with("0 session|1|")) session = last(row.rfind('|', row.rfind('|') - 1));
    }
    CHECK(message == session);
    CHECK(message == will);
    return (message - machine_.now.instant_milliseconds) / second;
  }

  Lines log;
  std::unique_ptr<Store> store;

 private:
  Machine& machine_;
};

}  // namespace

TEST_CASE("a clock that is set while the broker runs changes no expiry", "[clock]") {
  Folder folder;
  Machine machine;
  const std::int64_t wrong = GENERATE(today - 50 * 365 * day, today - day, today + day);
  machine.set_clock(wrong);
  {
    Broker broker(folder, machine);
    broker.write_all(1);
    machine.pass(600 * second);
    machine.set_clock(today);
    if (GENERATE(true, false)) {
      broker.store->look_at_clock();
    } else {
      REQUIRE(test::write(*broker.store, Rows().session(9, "client9")));
    }
    CHECK(broker.log.count(LogType::notice, "were put right") == 1);
    machine.pass(600 * second);
  }
  SECTION("a start of the broker alone") {
    Broker again(folder, machine);
    CHECK(again.left_seconds() == 2400);
  }
  SECTION("a start of the machine") {
    machine.start_again("second", machine.now.wall_milliseconds + 300 * second, 20 * second);
    Broker again(folder, machine);
    CHECK(again.left_seconds() == 2100);
    CHECK(again.log.count(LogType::warning, "") == 0);
  }
}

TEST_CASE("a clock that was set while the broker was down changes no expiry", "[clock]") {
  Folder folder;
  Machine machine;
  machine.set_clock(today - 50 * 365 * day);
  {
    Broker broker(folder, machine);
    broker.write_all(1);
  }
  machine.pass(600 * second);
  machine.set_clock(today);
  {
    Broker again(folder, machine);
    CHECK(again.left_seconds() == 3000);
    REQUIRE(test::write(*again.store, Rows().session(9, "client9")));  // puts the rows right
    CHECK(again.left_seconds() == 3000);
  }
  machine.pass(600 * second);
  Broker last(folder, machine);
  CHECK(last.left_seconds() == 2400);
}

TEST_CASE("a machine without a battery counts what has passed since its start", "[clock]") {
  Folder folder;
  Machine machine;
  {
    Broker broker(folder, machine);
    broker.write_all(1);
    machine.pass(600 * second);
  }
  machine.start_again("second", 0, 30 * second);  // 1970
  {
    Broker broker(folder, machine);
    CHECK(broker.log.count(LogType::warning, "before the store's last entry") == 1);
    // The last entry was written ten minutes before the end.
    CHECK(broker.left_seconds() == 3570);
    REQUIRE(test::write(*broker.store, Rows().session(9, "client9")));
    machine.pass(60 * second);
    machine.set_clock(today + day);  // NTP
    broker.store->look_at_clock();
  }
  Broker again(folder, machine);
  CHECK(again.left_seconds() == 3510);
}

TEST_CASE("what was stored under a clock that was never set has not waited since 1970", "[clock]") {
  Folder folder;
  Machine machine;
  machine.set_clock(50 * second);
  {
    Broker broker(folder, machine);
    broker.write_all(1);
  }
  machine.start_again("second", today, 30 * second);
  Broker broker(folder, machine);
  CHECK(broker.log.count(LogType::warning, "had not been set") == 1);
  CHECK(broker.left_seconds() == 3570);
}

TEST_CASE("true clocks count what the machine was switched off for", "[clock]") {
  Folder folder;
  Machine machine;
  {
    Broker broker(folder, machine);
    broker.write_all(1);
  }
  machine.start_again("second", today + 1800 * second, 30 * second);
  Broker broker(folder, machine);
  CHECK(broker.log.count(LogType::warning, "") == 0);
  CHECK(broker.left_seconds() == 1800);
}

TEST_CASE("an interval is never more than it was", "[clock]") {
  Folder folder;
  Machine machine;
  {
    Broker broker(folder, machine);
    broker.write_all(1);
    // An older darter left the times as a wrong clock had made them.
    REQUIRE(broker.store->begin());
    REQUIRE(broker.store->commit());
  }
  test::value_in(folder.file("darter.db"),
                 "UPDATE session SET expires_ms = expires_ms + 864000000, "
                 "will_due_ms = will_due_ms + 864000000");
  Broker broker(folder, machine);
  for (const std::string& row : test::contents_of(*broker.store).rows) {
    if (row.starts_with("0 will")) {
      CHECK(std::stoll(row.substr(row.rfind('|') + 1)) == machine.in(hour).milliseconds);
    }
  }
}

TEST_CASE("a change of the clock that is rolled back is made again", "[clock]") {
  Folder folder;
  Machine machine;
  {
    Broker broker(folder, machine);
    broker.write_all(1);
    machine.set_clock(today + day);
    REQUIRE(broker.store->begin());
    broker.store->roll_back();
    broker.store->look_at_clock();
  }
  Broker again(folder, machine);
  CHECK(again.left_seconds() == 3600);
}
