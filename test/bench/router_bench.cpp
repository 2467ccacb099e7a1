#include <benchmark/benchmark.h>
#include <cstdint>
#include <string>
#include <vector>

#include "broker/core/router.h"

namespace {

/// Sessions with one subscription each, a few of them with wildcards.
class Town {
 public:
  explicit Town(std::uint32_t sessions) : table_(key_), router_(limits_, table_) {
    for (std::uint32_t i = 0; i < sessions; ++i) {
      const broker::Session& session = table_.create("session-" + std::to_string(i));
      broker::Subscriber subscriber;
      subscriber.index = static_cast<std::uint32_t>(session.index);
      const std::string device = "fleet/" + std::to_string(i);
      router_.subscribe(i % 10 == 0 ? device + "/+/status" : device + "/engine/status", subscriber);
    }
  }
  broker::Router& router() { return router_; }

 private:
  std::uint64_t key_[2] = {1, 2};
  broker::Limits limits_;
  broker::SessionTable table_;
  broker::Router router_;
};

void run(benchmark::State& state, std::uint32_t topic_count) {
  Town town(100'000);
  std::vector<std::string> topics;
  for (std::uint32_t i = 0; i < topic_count; ++i) {
    topics.push_back("fleet/" + std::to_string(i * 7919 % 100'000) + "/engine/status");
  }
  std::size_t next = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(town.router().route(topics[next]).receivers.data());
    if (++next == topics.size()) next = 0;
  }
}

/// A topic whose receivers are remembered.
void route_kept(benchmark::State& state) { run(state, 100); }
/// More topics than are remembered: each is looked up in the trie.
void route_fresh(benchmark::State& state) { run(state, 100'000); }

BENCHMARK(route_kept);
BENCHMARK(route_fresh);

}  // namespace
