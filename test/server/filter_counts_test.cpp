#include "broker/server/cluster/filter_counts.h"

#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

using server::FilterCounts;

namespace {

std::string told(FilterCounts& counts) {
  std::string all;
  for (const FilterCounts::Change& change : counts.take_changes().changes) {
    all += (change.added ? "+" : "-") + change.filter + " ";
  }
  return all;
}

}  // namespace

TEST_CASE("a filter is told with its first subscription, and when the last one ends",
          "[filter_counts]") {
  int rung = 0;
  FilterCounts counts([&] { ++rung; });
  counts.filter_added("a");
  counts.filter_added("a");
  counts.filter_added("b");
  CHECK(rung == 1);
  CHECK(told(counts) == "+a +b ");
  CHECK(told(counts).empty());
  counts.filter_removed("a");
  CHECK(rung == 1);
  CHECK(told(counts).empty());
  counts.filter_removed("a");
  CHECK(rung == 2);
  CHECK(told(counts) == "-a ");
}

TEST_CASE("a filter that comes and goes between two looks is not told", "[filter_counts]") {
  FilterCounts counts([] {});
  counts.filter_added("a");
  counts.filter_removed("a");
  CHECK(told(counts).empty());
  counts.filter_added("a");
  CHECK(told(counts) == "+a ");
  counts.filter_removed("a");
  counts.filter_added("a");
  CHECK(told(counts).empty());
}

TEST_CASE("several shards count while another thread looks", "[filter_counts]") {
  FilterCounts counts([] {});
  std::vector<std::thread> shards;
  for (int shard = 0; shard < 3; ++shard) {
    shards.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) {
        counts.filter_added("f" + std::to_string(i % 7));
        if (i % 2 == 1) counts.filter_removed("f" + std::to_string(i % 7));
      }
    });
  }
  std::string all;
  for (int i = 0; i < 100; ++i) all += told(counts);
  for (std::thread& shard : shards) shard.join();
  all += told(counts);
  // Each of the seven was added once more than it was removed.
  for (int i = 0; i < 7; ++i) {
    const std::string name = "f" + std::to_string(i) + " ";
    int balance = 0;
    for (std::size_t at = all.find(name); at != all.npos; at = all.find(name, at + 1)) {
      balance += all[at - 1] == '+' ? 1 : -1;
    }
    CHECK(balance == 1);
  }
}

TEST_CASE("a mark is announced with all changes up to it", "[filter_counts]") {
  FilterCounts counts([] {});
  CHECK(counts.is_announced(counts.mark()));
  counts.filter_added("a");
  const std::uint64_t first = counts.mark();
  CHECK_FALSE(counts.is_announced(first));
  const auto taken = counts.take_changes();
  CHECK(taken.mark == first);
  counts.filter_added("a");  // known
  CHECK(counts.mark() == first);
  counts.filter_added("b");
  CHECK(counts.announce(taken.mark));
  CHECK_FALSE(counts.announce(taken.mark));
  CHECK(counts.is_announced(first));
  CHECK_FALSE(counts.is_announced(counts.mark()));
}
