#include <benchmark/benchmark.h>
#include <cstdint>
#include <memory>
#include <vector>

#include "broker/core/timer_wheel.h"

namespace {

using broker::Instant;
using broker::Timer;
using broker::TimerWheel;

/// Keep alives of a minute and a half that are put off again and again, in a wheel that turns.
void rearm(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  TimerWheel wheel;
  std::vector<std::unique_ptr<Timer>> timers;
  for (std::size_t i = 0; i < count; ++i) {
    timers.push_back(std::make_unique<Timer>(std::uint8_t{0}, nullptr));
  }
  std::int64_t now = 0;
  std::size_t next = 0;
  for (auto _ : state) {
    wheel.arm(*timers[next], Instant{now + 90'000});
    if (++next < count) continue;
    next = 0;
    now += 100;
    wheel.advance(Instant{now}, [](Timer&) {});
  }
}

/// One look at the clock in each turn of a loop, with nothing due.
void idle_turn(benchmark::State& state) {
  TimerWheel wheel;
  Timer timer(0, nullptr);
  std::int64_t now = 0;
  for (auto _ : state) {
    ++now;
    wheel.arm(timer, Instant{now + 90'000});
    wheel.advance(Instant{now}, [](Timer&) {});
  }
}

BENCHMARK(rearm)->Arg(100'000);
BENCHMARK(idle_turn);

}  // namespace
