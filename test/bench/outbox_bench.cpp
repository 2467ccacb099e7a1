#include <benchmark/benchmark.h>
#include <cstddef>
#include <cstdint>
#include <string>

#include "broker/core/outbox.h"

namespace {

/// A turn: so many connections are sent ten packets of 80 bytes each, and drained. The outbox alone
/// is timed: there is no shard, so none of the loop's part that test/host.h plays. With shards,
/// shards_bench.cpp has it from there.
void turn(benchmark::State& state) {
  const auto connections = static_cast<std::uint32_t>(state.range(0));
  const std::string packet(80, 'x');
  broker::Outbox outbox;
  std::size_t bytes = 0;
  for (auto _ : state) {
    for (int i = 0; i < 10; ++i) {
      for (std::uint32_t slot = 0; slot < connections; ++slot) {
        outbox.output({slot, 1}).bytes.append(packet);
      }
    }
    outbox.drain_output([&](broker::ConnectionId /*connection*/, broker::Output& output) {
      bytes += output.size_bytes();
    });
  }
  benchmark::DoNotOptimize(bytes);
  state.SetItemsProcessed(state.iterations() * connections * 10);
}

BENCHMARK(turn)->Arg(1)->Arg(100)->Arg(5000);

}  // namespace
