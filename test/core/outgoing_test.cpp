#include "broker/core/outgoing.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

// A delivery that is never acknowledged: the window goes on without it.

namespace {

using broker::Delivery;
using broker::InFlight;
using broker::MessageRef;
using broker::Outgoing;
using mqtt::PacketId;

constexpr std::uint32_t cycle = 65'535;

Delivery delivery(mqtt::Qos qos = mqtt::Qos::at_least_once) {
  Delivery made;
  made.message = MessageRef::copy_of({"t", mqtt::as_bytes("x"), {}, qos, false, {}});
  made.qos = qos;
  return made;
}

/// Sends a delivery, and has it acknowledged.
PacketId pass(Outgoing& outgoing) {
  REQUIRE(outgoing.window_has_room());
  const PacketId id = outgoing.put_in_flight(delivery());
  CHECK(outgoing.window().find(id) != nullptr);
  outgoing.window().finish(id);
  return id;
}

}  // namespace

TEST_CASE("identifiers in use are skipped", "[outgoing]") {
  broker::Queued sum;
  Outgoing outgoing(sum);
  std::vector<PacketId> kept;
  for (int i = 0; i < 3; ++i) {
    for (int others = 0; others < 100; ++others) pass(outgoing);
    REQUIRE(outgoing.window_has_room());
    kept.push_back(outgoing.put_in_flight(delivery()));
  }
  std::size_t passed = 0;
  for (std::uint32_t i = 0; i < 3 * cycle; ++i) {
    const PacketId id = pass(outgoing);
    if (std::ranges::find(kept, id) == kept.end()) ++passed;
  }
  CHECK(passed == 3 * cycle);
  CHECK(outgoing.window().size() == 3);
  CHECK(outgoing.window().quota_used() == 3);
  CHECK(outgoing.window().oldest().id == kept.front());
  for (const PacketId id : kept) {
    REQUIRE(outgoing.window().find(id) != nullptr);
    CHECK(outgoing.window().finish(id).message);
    CHECK(outgoing.window().find(id) == nullptr);
  }
  CHECK(outgoing.empty());
  CHECK(outgoing.window().size_bytes() == 0);
}

TEST_CASE("half of the identifiers may be in flight, and then no more", "[outgoing]") {
  broker::Queued sum;
  Outgoing outgoing(sum);
  std::uint32_t sent = 0;
  for (; outgoing.window_has_room(); ++sent) {
    const PacketId id = outgoing.put_in_flight(delivery());
    REQUIRE(id != PacketId{0});
  }
  CHECK(sent == cycle / 2);
  for (const std::uint32_t number : {1U, 2U, 20'000U, cycle / 2}) {
    outgoing.window().finish(static_cast<PacketId>(number));
    REQUIRE(outgoing.window_has_room());
    CHECK(outgoing.window().find(outgoing.put_in_flight(delivery())) != nullptr);
    CHECK_FALSE(outgoing.window_has_room());
  }
}

TEST_CASE("few identifiers are looked at for each delivery, whatever is acknowledged first",
          "[outgoing]") {
  broker::Queued sum;
  Outgoing outgoing(sum);
  PacketId newest{0};
  while (outgoing.window_has_room()) newest = outgoing.put_in_flight(delivery());
  const std::uint64_t begin = outgoing.window().end();
  constexpr std::uint32_t deliveries = 2 * cycle;
  for (std::uint32_t i = 0; i < deliveries; ++i) {
    outgoing.window().finish(newest);
    REQUIRE(outgoing.window_has_room());
    newest = outgoing.put_in_flight(delivery());
  }
  // A number that is passed over is an identifier that was looked at.
  CHECK(outgoing.window().end() - begin <= 2 * deliveries + cycle);
}

TEST_CASE("what was left behind is sent again first, in order", "[outgoing]") {
  broker::Queued sum;
  Outgoing outgoing(sum);
  std::vector<PacketId> expected;
  for (int i = 0; i < 3; ++i) {
    REQUIRE(outgoing.window_has_room());
    expected.push_back(outgoing.put_in_flight(delivery(mqtt::Qos::exactly_once)));
    for (std::uint32_t others = 0; others < 30'000; ++others) pass(outgoing);
  }
  outgoing.window().received(*outgoing.window().find(expected[1]));
  outgoing.window().rewind();
  CHECK(outgoing.window().quota_used() == 0);
  std::vector<PacketId> again;
  PacketId id{0};
  while (InFlight* const entry = outgoing.window().next_to_resend(id)) {
    again.push_back(id);
    CHECK(entry->released() == (id == expected[1]));
    outgoing.window().sent_again(*entry);
  }
  CHECK_FALSE(outgoing.window().resending());
  CHECK(again == expected);
  CHECK(outgoing.window().quota_used() == 3);
}

TEST_CASE("a backlog with numbers whose identifiers are in use is numbered anew", "[outgoing]") {
  broker::Queued sum;
  Outgoing outgoing(sum);
  REQUIRE(outgoing.window_has_room());
  const PacketId kept = outgoing.put_in_flight(delivery());
  for (std::uint32_t i = 0; i < cycle + 10; ++i) outgoing.push_backlog(delivery());
  std::size_t renumbered = 0;
  std::size_t sent = 0;
  for (; outgoing.backlog_size() > 0; ++sent) {
    REQUIRE(outgoing.window_has_room());
    if (!outgoing.front_has_identifier()) {
      outgoing.renumber_backlog([&](std::uint64_t before, std::uint64_t after, const Delivery&) {
        CHECK(after > before);
        ++renumbered;
      });
    }
    const PacketId id = outgoing.send_front();
    REQUIRE(id != kept);
    outgoing.window().finish(id);
  }
  CHECK(sent == cycle + 10);
  CHECK(renumbered <= 11);
  CHECK(outgoing.window().size() == 1);
}

TEST_CASE("deliveries that were left behind come back from the store as such", "[outgoing]") {
  broker::Queued sum_before;
  Outgoing before(sum_before);
  REQUIRE(before.window_has_room());
  const PacketId kept = before.put_in_flight(delivery());
  for (std::uint32_t i = 0; i < cycle + 5; ++i) pass(before);
  REQUIRE(before.window_has_room());
  const PacketId last = before.put_in_flight(delivery(mqtt::Qos::exactly_once));
  before.window().received(*before.window().find(last));
  before.push_backlog(delivery());

  broker::Queued sum_after;
  Outgoing after(sum_after);
  before.store([&](std::uint64_t number, const Delivery& stored, bool released) {
    REQUIRE(after.may_restore(number, released));
    Delivery copy;
    copy.message = stored.message;
    copy.qos = stored.qos;
    after.restore(number, std::move(copy), released);
  });
  after.restored(before.window().end(), 0);
  CHECK(after.window().size() == 2);
  CHECK(after.backlog_size() == 1);
  REQUIRE(after.window().find(kept) != nullptr);
  REQUIRE(after.window().find(last) != nullptr);
  CHECK(after.window().find(last)->released());
  CHECK(after.window().finish(kept).number == before.window().number_of(kept));
}

TEST_CASE("the sum of a shard has what each session's queues hold, until they end", "[outgoing]") {
  broker::Queued sum;
  const std::uint64_t whole = delivery().size_bytes();
  const std::uint64_t payload = delivery().payload_bytes();
  {
    Outgoing other(sum);
    other.push_backlog(delivery());
    Outgoing outgoing(sum);
    outgoing.push_backlog(delivery());
    outgoing.push_unsent(delivery(mqtt::Qos::at_most_once));
    CHECK(sum == broker::Queued{3, 3 * whole});
    REQUIRE(outgoing.window_has_room());
    const PacketId first = outgoing.send_front();
    const PacketId second = outgoing.put_in_flight(delivery(mqtt::Qos::exactly_once));
    CHECK(sum == broker::Queued{4, 2 * whole + 2 * payload});
    outgoing.window().received(*outgoing.window().find(second));
    CHECK(sum == broker::Queued{4, 2 * whole + payload});
    outgoing.window().rewind();
    CHECK(sum == broker::Queued{4, 2 * whole});
    PacketId id{0};
    while (InFlight* const entry = outgoing.window().next_to_resend(id))
      outgoing.window().sent_again(*entry);
    CHECK(sum == broker::Queued{4, 2 * whole + payload});
    outgoing.window().finish(first);
    CHECK(sum == broker::Queued{3, 2 * whole});
    outgoing.push_backlog(delivery());
    outgoing.renumber_backlog([](std::uint64_t, std::uint64_t, const Delivery&) {});
    CHECK(sum == broker::Queued{4, 3 * whole});
    outgoing.backlog().remove(outgoing.backlog().front_number());
    CHECK(outgoing.take_unsent()->size() == 1);
    CHECK(sum == broker::Queued{2, whole});  // what another session waits for, and a PUBCOMP
  }
  CHECK(sum == broker::Queued{});
}

TEST_CASE("stored deliveries are walked in pieces, and none is missed that moves", "[outgoing]") {
  broker::Queued sum;
  Outgoing outgoing(sum);
  REQUIRE(outgoing.window_has_room());
  const PacketId straggler = outgoing.put_in_flight(delivery());
  for (int i = 0; i < 1500; ++i) pass(outgoing);
  for (int i = 0; i < 3; ++i) {
    REQUIRE(outgoing.window_has_room());
    outgoing.put_in_flight(delivery());
  }
  for (int i = 0; i < 3; ++i) outgoing.push_backlog(delivery());
  outgoing.store([](std::uint64_t, const Delivery&, bool) {});
  outgoing.push_backlog(delivery());  // of which the journal does not know
  std::vector<std::uint64_t> all;
  outgoing.for_each_stored([&](std::uint64_t number, const Delivery&) { all.push_back(number); });
  REQUIRE(all.size() == 7);
  CHECK(all.front() == outgoing.window().number_of(straggler));
  CHECK(std::ranges::is_sorted(all));

  std::vector<std::uint64_t> walked;
  std::optional<std::uint64_t> next = 0;
  const auto piece = [&] {
    next = outgoing.walk_stored(*next, [&](std::uint64_t number, const Delivery&) {
      walked.push_back(number);
      return false;
    });
  };
  SECTION("without changes") {
    while (next) piece();
    CHECK(walked == all);
  }
  SECTION("one is over, one leaves the backlog, and the others get other numbers") {
    for (int i = 0; i < 2; ++i) piece();
    outgoing.window().finish(straggler);
    CHECK(outgoing.send_front() == broker::packet_id_of(all[4]));
    outgoing.store([](std::uint64_t, const Delivery&, bool) {});
    std::vector<std::uint64_t> after = {all[2], all[3], all[4]};
    outgoing.renumber_backlog(
        [&](std::uint64_t, std::uint64_t number, const Delivery&) { after.push_back(number); });
    REQUIRE(after.size() == 6);
    while (next) piece();
    walked.erase(walked.begin(), walked.begin() + 2);
    CHECK(walked == after);
  }
}

TEST_CASE("a walk over all deliveries passes those that were left behind", "[outgoing]") {
  broker::Queued sum;
  Outgoing outgoing(sum);
  REQUIRE(outgoing.window_has_room());
  const PacketId kept = outgoing.put_in_flight(delivery());
  for (int others = 0; others < 2000; ++others) pass(outgoing);
  CHECK(outgoing.deliveries() == 1);
  int seen = 0;
  outgoing.for_each([&seen](const Delivery& /*one*/) { ++seen; });
  CHECK(seen == 1);
  REQUIRE(outgoing.window().find(kept) != nullptr);
}
