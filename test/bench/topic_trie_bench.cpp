#include <benchmark/benchmark.h>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "broker/core/topic_trie.h"
#include "test/bench/heap.h"

namespace {

using broker::Subscriber;
using broker::TopicTrie;

Subscriber session(std::uint32_t index) {
  Subscriber subscriber;
  subscriber.index = index;
  return subscriber;
}

/// Filters of a fleet of devices in five shapes; all but one of six have a wildcard.
std::string filter(std::uint32_t i) {
  const std::string device = std::to_string(i);
  switch (i % 5) {
    case 0:
      return "fleet/" + device + "/+/status";
    case 1:
      return "fleet/" + device + "/#";
    case 2:
      return "fleet/+/engine/" + device;
    case 3:
      return "site/" + std::to_string(i % 1000) + "/dev" + device + "/+";
    default:
      return "+/" + device + "/engine/temperature";
  }
}

std::string topic(std::uint32_t i) {
  const std::string device = std::to_string(i);
  switch (i % 5) {
    case 2:
      return "fleet/" + std::to_string(i * 7) + "/engine/" + device;
    case 3:
      return "site/" + std::to_string(i % 1000) + "/dev" + device + "/state";
    case 4:
      return "fleet/" + device + "/engine/temperature";
    default:
      return "fleet/" + device + "/engine/status";
  }
}

std::unique_ptr<TopicTrie> trie_of(std::uint32_t filters) {
  auto trie = std::make_unique<TopicTrie>();
  for (std::uint32_t i = 0; i < filters; ++i) trie->insert(filter(i), session(i));
  return trie;
}

/// Topics in random order, each matched by at least one filter.
std::vector<std::string> topics_of(std::uint32_t filters, std::size_t count) {
  std::vector<std::string> topics;
  std::uint64_t state = 88172645463325252U;
  for (std::size_t i = 0; i < count; ++i) {
    state ^= state << 13U;
    state ^= state >> 7U;
    state ^= state << 17U;
    topics.push_back(topic(static_cast<std::uint32_t>(state % filters)));
  }
  return topics;
}

void run_match(benchmark::State& state, std::size_t topic_count) {
  const auto filters = static_cast<std::uint32_t>(state.range(0));
  const auto trie = trie_of(filters);
  const auto topics = topics_of(filters, topic_count);
  std::size_t next = 0;
  std::uint64_t found = 0;
  for (auto _ : state) {
    trie->match(topics[next], [&](const Subscriber&) { ++found; });
    if (++next == topics.size()) next = 0;
  }
  state.counters["matches"] =
      benchmark::Counter(static_cast<double>(found), benchmark::Counter::kAvgIterations);
}

void match_repeated(benchmark::State& state) { run_match(state, 16); }
void match_fresh(benchmark::State& state) { run_match(state, 400'000); }

void subscribe(benchmark::State& state) {
  const auto filters = static_cast<std::uint32_t>(state.range(0));
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < filters; ++i) texts.push_back(filter(i));
  double bytes = 0;
  for (auto _ : state) {
    const std::size_t before = bench::heap_bytes();
    auto trie = std::make_unique<TopicTrie>();
    for (std::uint32_t i = 0; i < filters; ++i) trie->insert(texts[i], session(i));
    bytes = static_cast<double>(bench::heap_bytes() - before);
    state.PauseTiming();
    trie.reset();
    state.ResumeTiming();
  }
  state.counters["B/sub"] = bytes / filters;
  state.SetItemsProcessed(state.iterations() * filters);
}

/// "bench/t/N": distinct filters under one parent.
void subscribe_distinct(benchmark::State& state) {
  const auto filters = static_cast<std::uint32_t>(state.range(0));
  std::vector<std::string> texts;
  for (std::uint32_t i = 0; i < filters; ++i) texts.push_back("bench/t/" + std::to_string(i));
  double bytes = 0;
  for (auto _ : state) {
    const std::size_t before = bench::heap_bytes();
    TopicTrie trie;
    for (std::uint32_t i = 0; i < filters; ++i) trie.insert(texts[i], session(i));
    bytes = static_cast<double>(bench::heap_bytes() - before);
  }
  state.counters["B/sub"] = bytes / filters;
  state.SetItemsProcessed(state.iterations() * filters);
}

/// All subscribers of one filter leave, in the order in which they came.
void fan_out_leaves(benchmark::State& state) {
  const auto count = static_cast<std::uint32_t>(state.range(0));
  for (auto _ : state) {
    TopicTrie trie;
    for (std::uint32_t i = 0; i < count; ++i) trie.insert("news", session(i));
    for (std::uint32_t i = 0; i < count; ++i) trie.erase("news", session(i));
  }
  state.SetItemsProcessed(state.iterations() * count);
}

BENCHMARK(match_repeated)->Arg(10'000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(match_fresh)->Arg(10'000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(subscribe)->Arg(100'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);
BENCHMARK(subscribe_distinct)->Arg(100'000)->Unit(benchmark::kMillisecond);
BENCHMARK(fan_out_leaves)->Arg(20'000)->Unit(benchmark::kMillisecond);

}  // namespace
