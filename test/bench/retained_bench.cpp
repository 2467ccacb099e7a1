#include <benchmark/benchmark.h>
#include <cstdint>
#include <string>

#include "broker/core/retained_walk.h"
#include "test/bench/heap.h"

namespace {

using broker::Instant;
using broker::MessageRef;
using broker::Retained;

MessageRef message(std::uint32_t i) {
  const std::string topic = "bench/retained/" + std::to_string(i);
  static const std::string payload(64, 'x');
  return MessageRef::copy_of(
      {topic, mqtt::as_bytes(payload), {}, mqtt::Qos::at_most_once, true, std::nullopt});
}

void fill(Retained& retained, std::uint32_t count) {
  for (std::uint32_t i = 0; i < count; ++i) retained.store(message(i), {i, 0}, nullptr);
}

/// Payloads of 64 bytes, messages included.
void retain(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  double bytes = 0;
  for (auto _ : state) {
    const std::size_t before = bench::heap_bytes();
    Retained retained;
    fill(retained, count);
    bytes = static_cast<double>(bench::heap_bytes() - before);
  }
  state.counters["B/message"] = bytes / count;
  state.SetItemsProcessed(state.iterations() * count);
}

void retained_match(benchmark::State& state, const std::string& filter) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  Retained retained;
  fill(retained, count);
  std::int64_t found = 0;
  for (auto _ : state) {
    retained.match(filter, Instant{1}, [&](const Retained::Record& record) {
      benchmark::DoNotOptimize(record.message->payload().data());
      ++found;
    });
  }
  state.SetItemsProcessed(found);
}

void match_all(benchmark::State& state) { retained_match(state, "bench/retained/+"); }
void match_one(benchmark::State& state) { retained_match(state, "bench/retained/777"); }

BENCHMARK(retain)->Arg(50'000)->Unit(benchmark::kMillisecond);
BENCHMARK(match_all)->Arg(50'000)->Unit(benchmark::kMillisecond);
BENCHMARK(match_one)->Arg(50'000);

}  // namespace
