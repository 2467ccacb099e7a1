#include "transport/clock.h"

#include <catch2/catch.hpp>

#include "transport/loops.h"

// Time that passes while the machine sleeps.

TEST_CASE("a loop's time is the machine's, sleep included", "[clock]") {
  transport::SleepClock slept;
  for (int i = 0; i < 1000; ++i) {
    const std::int64_t before = transport::Loops::now().milliseconds;
    slept.look();
    const std::int64_t loop = transport::Clock::monotonic_milliseconds() + slept.milliseconds();
    const std::int64_t after = transport::Loops::now().milliseconds;
    CHECK(before <= loop);
    CHECK(loop <= after + 2);
  }
}
