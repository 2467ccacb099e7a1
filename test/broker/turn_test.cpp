#include "broker/turn.h"

#include <catch2/catch.hpp>

#include "test/broker/parts.h"

namespace {

using broker::Turn;

std::size_t take_all(Turn& turn) {
  std::size_t steps = 0;
  while (turn.take_step()) ++steps;
  return steps;
}

}  // namespace

TEST_CASE("a turn has so many steps, and the next one has as many", "[turn]") {
  test::Parts parts;
  CHECK(take_all(parts.turn) == Turn::steps_max);
  CHECK_FALSE(parts.turn.has_steps());
  parts.turn.begin();
  CHECK(parts.turn.is_fresh());
  CHECK(take_all(parts.turn) == Turn::steps_max);
}

TEST_CASE("no step is taken while the disk has to catch up", "[turn]") {
  test::Parts parts;
  parts.limits.max_uncommitted_bytes = 10;
  parts.holdings.charge(100);
  CHECK_FALSE(parts.turn.take_step());
  CHECK(parts.turn.is_fresh());
}

TEST_CASE("a slice leaves the others their steps", "[turn]") {
  test::Parts parts;
  std::size_t taken = 0;
  parts.turn.slice(100, [&] { taken = take_all(parts.turn); });
  CHECK(taken == 100);
  CHECK(take_all(parts.turn) == Turn::steps_max - 100);
}

TEST_CASE("work that could not be stopped is taken off the steps of the others", "[turn]") {
  test::Parts parts;
  parts.turn.slice(100, [&] { parts.turn.spend_or_owe(300); });
  CHECK(take_all(parts.turn) == Turn::steps_max - 300);
  parts.turn.begin();
  CHECK(take_all(parts.turn) == Turn::steps_max);
}
