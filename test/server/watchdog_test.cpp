#include "broker/server/watchdog.h"

#include <catch2/catch.hpp>
#include <map>
#include <vector>

namespace {

using broker::Instant;
using server::Watchdog;

/// Loops that answer when they are told to.
struct Loops {
  std::map<std::uint32_t, std::vector<Watchdog::Answer>> asked;

  Watchdog::Ask ask() {
    return [this](std::uint32_t loop, Watchdog::Answer answer) {
      asked[loop].push_back(std::move(answer));
    };
  }
  void answer(std::uint32_t loop) {
    for (const Watchdog::Answer& each : asked[loop]) each();
    asked[loop].clear();
  }
};

}  // namespace

TEST_CASE("the broker lives while every loop answers", "[server]") {
  Loops loops;
  Watchdog watchdog(4000, 2, loops.ask());
  CHECK(watchdog.interval_milliseconds() == 1000);
  CHECK_FALSE(watchdog.look({0}).alive);
  CHECK(loops.asked[0].size() == 1);
  CHECK(loops.asked[1].size() == 1);
  loops.answer(0);
  loops.answer(1);
  CHECK_FALSE(watchdog.look({999}).alive);
  CHECK(watchdog.look({1000}).alive);
  // That was one answer: the next one needs another round.
  CHECK_FALSE(watchdog.look({2000}).alive);
  loops.answer(0);
  loops.answer(1);
  CHECK(watchdog.look({3000}).alive);
}

TEST_CASE("one loop that is silent is enough, and it is asked once", "[server]") {
  Loops loops;
  Watchdog watchdog(4000, 3, loops.ask());
  (void)watchdog.look({0});
  loops.answer(0);
  loops.answer(2);
  for (std::int64_t now = 1000; now < 60'000; now += 500) {
    const Watchdog::Sight sight = watchdog.look({now});
    CHECK_FALSE(sight.alive);
    // Said once, when half of the time is over.
    CHECK(sight.silent_loops == (now == 2000 ? 0b010U : 0U));
    CHECK(sight.silent_milliseconds == (now == 2000 ? 2000 : 0));
  }
  CHECK(loops.asked[0].empty());
  CHECK(loops.asked[1].size() == 1);
  loops.answer(1);
  CHECK(watchdog.look({60'000}).alive);
  CHECK(loops.asked[0].size() == 1);
}

TEST_CASE("an answer of a round that is over is nothing", "[server]") {
  Loops loops;
  std::vector<Watchdog::Answer> late;
  {
    Watchdog watchdog(4000, 1, loops.ask());
    (void)watchdog.look({0});
    late = loops.asked[0];
    loops.answer(0);
    CHECK(watchdog.look({1000}).alive);
    for (const Watchdog::Answer& each : late) each();
    CHECK_FALSE(watchdog.look({2000}).alive);
  }
  for (const Watchdog::Answer& each : late) each();
}

TEST_CASE("as many loops as there can be", "[server]") {
  Loops loops;
  Watchdog watchdog(2, 64, loops.ask());
  CHECK(watchdog.interval_milliseconds() == 1);
  (void)watchdog.look({0});
  for (std::uint32_t loop = 0; loop < 63; ++loop) loops.answer(loop);
  CHECK_FALSE(watchdog.look({1}).alive);
  loops.answer(63);
  CHECK(watchdog.look({2}).alive);
}
