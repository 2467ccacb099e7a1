#include "broker/core/timer_wheel.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <random>
#include <vector>

using broker::Instant;
using broker::Timer;
using broker::TimerWheel;

namespace {

constexpr std::int64_t slot_milliseconds = 128;

std::size_t fired_at(TimerWheel& wheel, std::int64_t milliseconds) {
  std::size_t count = 0;
  wheel.advance(Instant{milliseconds}, [&](Timer& timer) {
    CHECK_FALSE(timer.armed());
    ++count;
  });
  return count;
}

/// Timers beside a plain list of their deadlines.
struct Oracle {
  explicit Oracle(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      timers.push_back(std::make_unique<Timer>(std::uint8_t{0}, nullptr));
    }
  }

  /// Nothing fires early or more than a slot late, and nothing is forgotten.
  void advance(std::int64_t to) {
    wheel.advance(Instant{to}, [&](Timer& timer) {
      INFO("deadline " << timer.deadline().milliseconds << " now " << to << " before " << now);
      REQUIRE(timer.deadline().milliseconds <= to);
      // Not late: it was not due a slot before the last look at the clock.
      REQUIRE(timer.deadline().milliseconds > now - slot_milliseconds);
    });
    now = to;
    for (const auto& timer : timers) {
      if (!timer->armed()) continue;
      REQUIRE(timer->deadline().milliseconds > now - slot_milliseconds);
    }
  }

  std::vector<std::unique_ptr<Timer>> timers;
  TimerWheel wheel;
  std::int64_t now = 0;
};

}  // namespace

TEST_CASE("a timer fires after its deadline and not before", "[timer_wheel]") {
  const std::int64_t start =
      GENERATE(as<std::int64_t>{}, 0, 1, 127, 1'000'000'007, 1'700'000'000'123);
  const std::int64_t delay =
      GENERATE(as<std::int64_t>{}, 1, 127, 128, 129, 8191, 8192, 8193, 524'288, 1'000'000,
               33'554'432, 2'147'483'648, 200'000'000'000);
  CAPTURE(start, delay);
  TimerWheel wheel;
  Timer timer(1, nullptr);
  CHECK(fired_at(wheel, start) == 0);
  wheel.arm(timer, Instant{start + delay});
  CHECK(timer.armed());
  CHECK(fired_at(wheel, start + delay - 1) == 0);
  CHECK(fired_at(wheel, start + delay + slot_milliseconds) == 1);
  CHECK_FALSE(timer.armed());
}

TEST_CASE("a timer tells its kind and its owner", "[timer_wheel]") {
  TimerWheel wheel;
  int owner = 0;
  Timer timer(3, &owner);
  wheel.arm(timer, Instant{10});
  bool told = false;
  wheel.advance(Instant{500}, [&](Timer& due) {
    told = due.kind() == 3 && due.owner() == &owner && due.deadline() == Instant{10};
  });
  CHECK((told || fired_at(wheel, 1000) == 1));
}

TEST_CASE("a timer that was armed before time was known fires at its time", "[timer_wheel]") {
  TimerWheel wheel;
  Timer timer(1, nullptr);
  wheel.arm(timer, Instant{1'700'000'030'000});
  CHECK(fired_at(wheel, 1'700'000'000'000) == 0);
  CHECK(fired_at(wheel, 1'700'000'029'000) == 0);
  CHECK(fired_at(wheel, 1'700'000'030'200) == 1);
}

TEST_CASE("time that stands still or runs backwards fires nothing", "[timer_wheel]") {
  TimerWheel wheel;
  Timer timer(1, nullptr);
  (void)fired_at(wheel, 10'000);
  wheel.arm(timer, Instant{9'000});
  CHECK(fired_at(wheel, 10'000) == 0);
  CHECK(fired_at(wheel, 5'000) == 0);
  CHECK(timer.armed());
  CHECK(fired_at(wheel, 10'200) == 1);
}

TEST_CASE("a cancelled, moved or destroyed timer leaves its place", "[timer_wheel]") {
  TimerWheel wheel;
  Timer cancelled(1, nullptr);
  Timer moved(1, nullptr);
  {
    Timer destroyed(1, nullptr);
    wheel.arm(destroyed, Instant{1000});
  }
  wheel.arm(cancelled, Instant{1000});
  wheel.arm(moved, Instant{1000});
  cancelled.cancel();
  cancelled.cancel();
  wheel.arm(moved, Instant{90'000});
  CHECK(fired_at(wheel, 2000) == 0);
  CHECK(fired_at(wheel, 90'200) == 1);
}

TEST_CASE("a wheel that goes lets its timers go", "[timer_wheel]") {
  Timer near(1, nullptr);
  Timer far(1, nullptr);
  {
    TimerWheel wheel;
    wheel.arm(near, Instant{100});
    wheel.arm(far, Instant{INT64_MAX / 2});
  }
  CHECK_FALSE(near.armed());
  CHECK_FALSE(far.armed());
}

TEST_CASE("whoever is told may arm, cancel and destroy any timer", "[timer_wheel]") {
  TimerWheel wheel;
  std::vector<std::unique_ptr<Timer>> timers;
  for (int i = 0; i < 10; ++i) {
    timers.push_back(std::make_unique<Timer>(std::uint8_t{0}, nullptr));
    wheel.arm(*timers.back(), Instant{100});
  }
  (void)fired_at(wheel, 0);
  std::size_t count = 0;
  wheel.advance(Instant{1000}, [&](Timer& timer) {
    ++count;
    if (count == 1) {
      timers.resize(5);
      wheel.arm(*timers[0], Instant{100});  // in the past: waits for time to go on
      timers[1]->cancel();
    }
    (void)timer;
  });
  CHECK(count >= 1);
  CHECK(count <= 5);
  CHECK(timers[0]->armed());
  CHECK(fired_at(wheel, 1200) == 1);
}

TEST_CASE("a timer that arms itself again fires once a call", "[timer_wheel]") {
  TimerWheel wheel;
  Timer timer(1, nullptr);
  (void)fired_at(wheel, 0);
  wheel.arm(timer, Instant{100});
  for (std::int64_t now = 1000; now < 5000; now += 1000) {
    std::size_t count = 0;
    wheel.advance(Instant{now}, [&](Timer& due) {
      ++count;
      wheel.arm(due, Instant{now - 10});
    });
    CHECK(count == 1);
  }
}

TEST_CASE("random timers agree with a list of deadlines", "[timer_wheel]") {
  const auto seed = GENERATE(range(1U, 9U));
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  const auto below = [&](std::int64_t limit) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(limit));
  };
  Oracle oracle(200);
  oracle.advance(below(2) == 0 ? below(1'000'000) : 1'700'000'000'000 + below(1'000'000));
  for (int step = 0; step < 3000; ++step) {
    Timer& timer = *oracle.timers[static_cast<std::size_t>(below(200))];
    const std::int64_t reach = std::int64_t{1} << below(41);
    switch (below(8)) {
      case 0:
        timer.cancel();
        break;
      case 1:
        oracle.advance(oracle.now + below(300));
        break;
      case 2:
        oracle.advance(oracle.now + below(20'000));
        break;
      case 3:
        if (below(20) == 0) oracle.advance(oracle.now + below(reach));
        break;
      default:
        oracle.wheel.arm(timer, Instant{oracle.now + below(reach)});
        break;
    }
  }
  for (const auto& timer : oracle.timers) {
    if (timer->armed()) oracle.advance(std::max(oracle.now, timer->deadline().milliseconds + 200));
  }
}
