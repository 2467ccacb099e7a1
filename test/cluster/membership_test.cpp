#include "broker/cluster/membership.h"

#include <catch2/catch.hpp>

using broker::Instant;
using cluster::Barrier;
using cluster::MemberId;
using cluster::MemberRecord;
using cluster::Membership;

namespace {

constexpr MemberId self{1};
constexpr MemberId other{2};

Membership member() {
  return Membership({.name = "a",
                     .member = self,
                     .beat_milliseconds = 100,
                     .lease_milliseconds = 400,
                     .dead_after_milliseconds = 600});
}

MemberRecord beat(std::uint64_t number, bool dead = false) {
  return {.name = "b", .beat = number, .seen = 0, .dead = dead};
}

}  // namespace

TEST_CASE("a lease begins when the watch has shown what was before the joining", "[membership]") {
  Membership members = member();
  const auto orders = members.tick({1000});
  REQUIRE(orders.size() == 1);
  CHECK(orders[0].expected == 0);
  members.beat_written(10);
  CHECK_FALSE(members.holds_lease({1010}));
  members.watch_reached(9);
  CHECK_FALSE(members.holds_lease({1010}));
  members.watch_reached(10);
  CHECK(members.holds_lease({1010}));
  // From the time of sending.
  CHECK(members.holds_lease({1399}));
  CHECK_FALSE(members.holds_lease({1400}));
}

TEST_CASE("a beat without an answer is found in the watch", "[membership]") {
  Membership members = member();
  REQUIRE(members.tick({1000}).size() == 1);
  members.beat_unknown();
  REQUIRE(members.tick({1100}).size() == 1);
  members.beat_refused();
  CHECK(members.tick({1200}).empty());
  members.member_seen(self, beat(1), 5, {1210});
  members.watch_reached(5);
  CHECK_FALSE(members.holds_lease({1210}));
  const auto orders = members.tick({1220});
  REQUIRE(orders.size() == 1);
  CHECK(orders[0].expected == 5);
  members.beat_written(6);
  CHECK(members.holds_lease({1230}));
}

TEST_CASE("a member that was counted as dead joins anew", "[membership]") {
  Membership members = member();
  REQUIRE(members.tick({1000}).size() == 1);
  members.beat_written(5);
  members.watch_reached(5);
  members.member_seen(self, beat(1, true), 8, {1100});
  members.watch_reached(8);
  CHECK_FALSE(members.holds_lease({1100}));
  REQUIRE(members.tick({1110}).front().expected == 8);
  members.beat_written(12);
  CHECK_FALSE(members.holds_lease({1120}));
  members.watch_reached(12);
  CHECK(members.holds_lease({1120}));
}

TEST_CASE("a silent member is written dead, if it has not changed", "[membership]") {
  Membership members = member();
  REQUIRE(members.tick({1000}).size() == 1);
  members.member_seen(other, beat(1), 3, {1000});
  CHECK(members.is_alive(other));
  members.beat_written(4);
  CHECK(members.tick({1050}).empty());
  const auto orders = members.tick({1600});
  REQUIRE(orders.size() == 2);
  CHECK(orders[1].member == other);
  CHECK(orders[1].record.dead);
  CHECK(orders[1].expected == 3);
  CHECK(members.is_alive(other));
  members.member_seen(other, beat(1, true), 7, {1610});
  CHECK_FALSE(members.is_alive(other));
  members.member_seen(other, beat(2), 9, {1700});
  CHECK(members.is_alive(other));
}

TEST_CASE("an acknowledgement waits for all members that were there before", "[membership]") {
  Membership members = member();
  Barrier barrier;
  members.member_seen(other, beat(1), 3, {1000});
  barrier.wait(77, 5);
  members.watch_reached(4);
  members.member_has_seen(other, 5);
  CHECK(barrier.passed(members).empty());
  members.watch_reached(6);
  CHECK(barrier.passed(members) == std::vector<Barrier::Ticket>{77});
  // One that joined later has seen it before it acts, one that is dead does not act.
  barrier.wait(78, 8);
  members.member_seen(MemberId{3}, beat(1), 9, {1000});
  members.watch_reached(9);
  CHECK(barrier.passed(members).empty());
  members.member_seen(other, beat(1, true), 10, {1000});
  CHECK(barrier.passed(members) == std::vector<Barrier::Ticket>{78});
}
