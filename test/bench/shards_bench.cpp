#include <benchmark/benchmark.h>
#include <chrono>

#include "test/instructions/workload.h"

namespace {

/// A load of test/instructions, timed below the counted functions: a shard's own share of the CPU
/// of a message, without sockets.
void load(benchmark::State& state, const char* name) {
  test::Traffic traffic = *test::find_traffic(name);
  traffic.messages = 20;
  test::Workload workload(traffic);
  for (auto _ : state) {
    const std::chrono::nanoseconds before = workload.time_counted();
    workload.round();
    state.SetIterationTime(std::chrono::duration<double>(workload.time_counted() - before).count());
  }
  state.counters["time/message"] =
      benchmark::Counter(static_cast<double>(workload.delivered()),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

BENCHMARK_CAPTURE(load, one_shard, "pairs-q0")->UseManualTime();
BENCHMARK_CAPTURE(load, one_of_four_shards, "pairs-q0-4-shards")->UseManualTime();
BENCHMARK_CAPTURE(load, from_shard_to_shard, "across-q0")->UseManualTime();
BENCHMARK_CAPTURE(load, one_shard_q1, "pairs-q1")->UseManualTime();
BENCHMARK_CAPTURE(load, from_shard_to_shard_q1, "across-q1")->UseManualTime();

}  // namespace
