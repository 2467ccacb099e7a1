#include "broker/interest.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "test/core/topics.h"

using broker::Interest;
using broker::PeerId;
using broker::PeerSet;
using broker::ShardIndex;

namespace {

constexpr ShardIndex first{0};
constexpr ShardIndex second{1};

}  // namespace

TEST_CASE("nobody is interested in the beginning", "[interest]") {
  const Interest interest(4);
  CHECK(interest.shards() == 4);
  CHECK(interest.interested("a/b").empty());
}

TEST_CASE("a filter interests its shard in each topic that it matches", "[interest]") {
  const auto [filter, topic] = GENERATE(table<std::string, std::string>({
      {"a", "a"},
      {"a/b", "a/b"},
      {"a/+/c", "a/b/c"},
      {"a/#", "a"},
      {"a/#", "a/b/c/d/e/f"},
      {"a/b/c/d/e/f", "a/b/c/d/e/f"},
      {"a/b/c/d/#", "a/b/c/d"},
      {"a/b/c/d/+", "a/b/c/d/e"},
      {"+/b", "a/b"},
      {"#", "a"},
      {"/", "/"},
      {"//x", "//x"},
      {"$SYS/#", "$SYS/uptime"},
  }));
  CAPTURE(filter, topic);
  Interest interest(2);
  interest.add(second, filter);
  CHECK(interest.interested(topic) == PeerSet::of_bits(0b10));
  interest.remove(second, filter);
  CHECK(interest.interested(topic).empty());
}

TEST_CASE("topics of other prefixes do not interest", "[interest]") {
  Interest interest(2);
  interest.add(first, "a/b/+");
  CHECK(interest.interested("a/c/d").empty());
  CHECK(interest.interested("a").empty());
  CHECK(interest.interested("ab/+").empty());
  CHECK(interest.interested("x/a/b").empty());
}

TEST_CASE("a filter that begins with a wildcard interests in everything but $ topics",
          "[interest]") {
  Interest interest(3);
  interest.add(ShardIndex{2}, "+/x");
  CHECK(interest.interested("anything") == PeerSet::of_bits(0b100));
  CHECK(interest.interested("$SYS/x").empty());  // [MQTT-4.7.2-1]
}

TEST_CASE("interest ends with the last filter of a prefix", "[interest]") {
  Interest interest(2);
  interest.add(first, "a/b/+");
  interest.add(first, "a/b/#");
  interest.remove(first, "a/b/+");
  CHECK(interest.interested("a/b/c") == PeerSet::of_bits(1));
  interest.remove(first, "a/b/#");
  CHECK(interest.interested("a/b/c").empty());
}

TEST_CASE("the generation changes when an answer may have, and only then", "[interest]") {
  Interest interest(2);
  auto generation = interest.generation();
  const auto changed = [&] {
    return std::exchange(generation, interest.generation()) != generation;
  };
  interest.add(first, "a/b");
  CHECK(changed());
  interest.add(first, "a/b");
  CHECK_FALSE(changed());
  interest.add(second, "a/b");
  CHECK(changed());
  interest.remove(first, "a/b");
  CHECK_FALSE(changed());
  interest.remove(first, "a/b");
  CHECK(changed());
}

TEST_CASE("as many shards as a process can have are told apart", "[interest]") {
  Interest interest(Interest::shards_max);
  interest.add(ShardIndex{63}, "a");
  CHECK(interest.interested("a") == PeerSet(PeerId{63}));
}

TEST_CASE("'not interested' is never wrong", "[interest]") {
  const auto seed = GENERATE(range(1U, 6U));
  CAPTURE(seed);
  test::TopicSource source(seed);
  constexpr std::uint32_t shards = 5;
  Interest interest(shards);
  std::vector<std::multimap<std::string, bool>> held(shards);
  for (int step = 0; step < 2000; ++step) {
    const auto shard = static_cast<std::uint32_t>(source.below(shards));
    auto& mine = held[shard];
    if (!mine.empty() && source.one_in(2)) {
      const auto victim =
          std::next(mine.begin(), static_cast<std::ptrdiff_t>(source.below(mine.size())));
      interest.remove(ShardIndex{shard}, victim->first);
      mine.erase(victim);
    } else {
      const std::string filter = source.filter();
      interest.add(ShardIndex{shard}, filter);
      mine.emplace(filter, true);
    }
    const std::string topic = source.topic();
    CAPTURE(topic);
    for (std::uint32_t i = 0; i < shards; ++i) {
      for (const auto& [filter, unused] : held[i]) {
        if (!test::naive_matches(filter, topic)) continue;
        REQUIRE(interest.interested(topic).contains(PeerId{i}));
      }
    }
  }
  for (std::uint32_t i = 0; i < shards; ++i) {
    for (const auto& [filter, unused] : held[i]) interest.remove(ShardIndex{i}, filter);
  }
  for (int i = 0; i < 100; ++i) CHECK(interest.interested(source.topic()).empty());
}

TEST_CASE("threads may add and remove at once without losing a filter", "[interest]") {
  constexpr std::uint32_t shards = 3;
  Interest interest(shards);
  interest.add(first, "kept/#");
  std::atomic<bool> lost = false;
  {
    std::vector<std::jthread> threads;
    for (std::uint32_t i = 0; i < shards; ++i) {
      threads.emplace_back([&, i] {
        for (int round = 0; round < 5000; ++round) {
          interest.add(ShardIndex{i}, "kept/x");
          if (!interest.interested("kept/x").contains(PeerId{i})) lost = true;
          interest.remove(ShardIndex{i}, "kept/x");
          if (!interest.interested("kept/x").contains(PeerId{0})) lost = true;
        }
      });
    }
  }
  CHECK_FALSE(lost);
  CHECK(interest.interested("kept/x") == PeerSet::of_bits(1));
}

TEST_CASE("a watch is told of each subscription, with one shard too", "[interest]") {
  struct Watch final : broker::FilterWatch {
    void filter_added(std::string_view filter) override { told += "+" + std::string(filter) + " "; }
    void filter_removed(std::string_view filter) override {
      told += "-" + std::string(filter) + " ";
    }
    [[nodiscard]] std::uint64_t mark() const noexcept override { return 5; }
    [[nodiscard]] bool is_announced(std::uint64_t mark) const noexcept override { return mark < 5; }
    std::string told;
  };
  Interest interest(1);
  CHECK_FALSE(interest.is_asked());
  CHECK(Interest(2).is_asked());
  Watch watch;
  interest.tell(watch);
  CHECK(interest.is_asked());
  interest.add(first, "a/#");
  interest.add(first, "a/#");
  interest.remove(first, "a/#");
  CHECK(watch.told == "+a/# +a/# -a/# ");
  CHECK_FALSE(interest.is_announced(interest.mark()));
  CHECK(Interest(1).is_announced(Interest(1).mark()));
}
