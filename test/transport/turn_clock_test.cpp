#include "transport/turn_clock.h"

#include <catch2/catch.hpp>

namespace {

using transport::TurnClock;

TEST_CASE("a turn lasts from the end of a wait until output leaves", "[turn_clock]") {
  TurnClock clock;
  clock.wait();
  clock.woke({1000});
  clock.left({1003});
  CHECK(clock.take_longest_milliseconds() == 3);
  clock.wait();
  clock.woke({1090});
  clock.left({1092});
  CHECK(clock.take_longest_milliseconds() == 2);
  CHECK(clock.take_longest_milliseconds() == 0);
}

TEST_CASE("turns are counted", "[turn_clock]") {
  TurnClock clock;
  const std::uint32_t before = clock.number();
  clock.next();
  clock.next();
  CHECK(clock.number() == before + 2);
}

TEST_CASE("output that leaves in between divides a turn", "[turn_clock]") {
  TurnClock clock;
  clock.wait();
  clock.woke({100});
  clock.left({104});
  clock.woke({100});  // said again when the callbacks of that wait are done
  clock.left({107});
  clock.left({108});
  CHECK(clock.take_longest_milliseconds() == 4);
}

TEST_CASE("the longest of several turns is told, however short the last one", "[turn_clock]") {
  TurnClock clock;
  for (const int milliseconds : {2, 9, 1}) {
    clock.wait();
    clock.woke({50});
    clock.left({50 + milliseconds});
  }
  CHECK(clock.take_longest_milliseconds() == 9);
}

}  // namespace
