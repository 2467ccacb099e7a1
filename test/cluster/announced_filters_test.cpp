#include "broker/cluster/announced_filters.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "broker/cluster/subject.h"
#include "broker/wire/topic.h"

using cluster::AnnouncedFilters;
using Limits = AnnouncedFilters::Limits;
using Strings = std::vector<std::string>;
using Set = std::set<std::string, std::less<>>;

namespace {

Strings announced(AnnouncedFilters& filters) {
  filters.update();
  return {filters.announced().begin(), filters.announced().end()};
}

/// Whether each topic that `filter` matches is matched by `cover`: the same, or "PREFIX/#".
bool covers(const std::string& cover, const std::string& filter) {
  if (cover == filter) return true;
  if (cover == "#") return !filter.starts_with('$');
  if (!cover.ends_with("/#")) return false;
  const std::string front = cover.substr(0, cover.size() - 2);
  return filter == front || filter.starts_with(front + "/");
}

/// Filters counted by hand, and what has to hold of the set that stands for them.
struct Oracle {
  Limits limits;
  AnnouncedFilters filters{limits};
  std::map<std::string, int> counted{};
  Set shadow{};  // made from the changes that update() told

  void add(const std::string& filter) {
    filters.add(filter);
    ++counted[filter];
  }
  void remove(const std::string& filter) {
    filters.remove(filter);
    if (--counted.at(filter) == 0) counted.erase(filter);
  }
  void update() {
    const auto changes = filters.update();
    for (const std::string& gone : changes.removed) REQUIRE(shadow.erase(gone) == 1);
    for (const std::string& fresh : changes.added) REQUIRE(shadow.insert(fresh).second);
    REQUIRE(shadow == filters.announced());
  }
  void check() const {
    const Set& set = filters.announced();
    CHECK(filters.filters() == counted.size());
    CHECK(set.size() <= limits.filters_max);
    std::size_t bytes = 0;
    for (const std::string& each : set) {
      bytes += each.size();
      if (!mqtt::check_topic_filter(each)) FAIL(each);
      const bool is_needed = std::ranges::any_of(
          counted, [&](const auto& entry) { return covers(each, entry.first); });
      if (!is_needed) FAIL("in vain: " << each);
    }
    CHECK(bytes <= limits.bytes_max);
    for (const auto& [filter, times] : counted) {
      const bool is_covered =
          std::ranges::any_of(set, [&](const auto& each) { return covers(each, filter); });
      if (!is_covered) FAIL("not covered: " << filter);
    }
  }
  /// The filters that no other with '#' covers.
  [[nodiscard]] Set expected_with_room() const {
    Set set;
    for (const auto& [filter, times] : counted) {
      const bool is_covered = std::ranges::any_of(counted, [&](const auto& other) {
        return other.first != filter && covers(other.first, filter);
      });
      if (!is_covered) set.insert(filter);
    }
    return set;
  }
};

std::size_t below(std::minstd_rand& random, std::size_t limit) { return (random() >> 7U) % limit; }

std::string random_filter(std::minstd_rand& random) {
  static const Strings levels = {"", "a", "b", "+", "c", "x.y", "+", "d"};
  std::string filter = below(random, 12) == 0 ? "$" + std::to_string(below(random, 3)) + "/" : "";
  for (std::size_t count = 1 + below(random, 5); count > 0; --count) {
    if (count == 1 && below(random, 12) == 0) return filter + "#";
    filter += below(random, 3) == 0 ? std::to_string(below(random, 40))
                                    : levels[below(random, levels.size())];
    if (count > 1) filter += "/";
  }
  return filter.empty() ? "+" : filter;
}

}  // namespace

TEST_CASE("few filters are announced as they are, once each", "[cluster]") {
  AnnouncedFilters filters({});
  for (const char* filter : {"a/b", "a/b", "a/+", "$aws/x", "/", "a/b/c"}) filters.add(filter);
  CHECK(announced(filters) == Strings{"$aws/x", "/", "a/+", "a/b", "a/b/c"});
  filters.remove("a/b");
  CHECK_FALSE(filters.changed());
  filters.remove("a/b");
  CHECK(filters.changed());
  CHECK(announced(filters) == Strings{"$aws/x", "/", "a/+", "a/b/c"});
  CHECK(filters.filters() == 4);
  CHECK(filters.prefixes() == 0);
}

TEST_CASE("a filter that was not added is not removed", "[cluster]") {
  AnnouncedFilters filters({});
  filters.add("a/b");
  for (const char* filter : {"a", "a/b/c", "b", "#", "$a/b"}) filters.remove(filter);
  CHECK(announced(filters) == Strings{"a/b"});
}

TEST_CASE("filters below one that ends with # are covered by it", "[cluster]") {
  AnnouncedFilters filters({});
  for (const char* filter : {"a/b", "a", "a/b/+", "b/c", "$x/y"}) filters.add(filter);
  filters.add("a/#");
  CHECK(announced(filters) == Strings{"$x/y", "a/#", "b/c"});
  filters.add("#");
  CHECK(announced(filters) == Strings{"#", "$x/y"});
  filters.remove("a/#");
  CHECK(announced(filters) == Strings{"#", "$x/y"});
  filters.remove("#");
  CHECK(announced(filters) == Strings{"$x/y", "a", "a/b", "a/b/+", "b/c"});
}

TEST_CASE("the fullest prefix stands for its filters where there are too many", "[cluster]") {
  AnnouncedFilters filters({.filters_max = 8, .dollar_levels_max = 2});
  for (const char* filter : {"a/1/x", "a/2/x", "b/1", "b/2", "b"}) filters.add(filter);
  CHECK(announced(filters).size() == 5);
  for (const char* filter : {"a/3/x", "a/4/x", "a/5/x", "a/6/x"}) filters.add(filter);
  CHECK(announced(filters) == Strings{"a/#", "b", "b/1", "b/2"});
  CHECK(filters.prefixes() == 1);
}

TEST_CASE("a number of filters that goes up and down at the limit changes nothing", "[cluster]") {
  AnnouncedFilters filters({.filters_max = 8, .dollar_levels_max = 2});
  for (int i = 0; i < 9; ++i) filters.add("a/" + std::to_string(i));
  CHECK(announced(filters) == Strings{"a/#"});
  for (int i = 8; i >= 4; --i) {
    filters.remove("a/" + std::to_string(i));
    CHECK(filters.update().added.size() == (i == 4 ? 4 : 0));
  }
  CHECK(announced(filters) == Strings{"a/0", "a/1", "a/2", "a/3"});
  for (int i = 4; i < 8; ++i) filters.add("a/" + std::to_string(i));
  CHECK(announced(filters).size() == 8);
}

TEST_CASE("bytes are a limit as numbers are", "[cluster]") {
  AnnouncedFilters filters({.filters_max = 1000, .bytes_max = 500, .dollar_levels_max = 2});
  for (char c = 'a'; c < 'e'; ++c) filters.add("long/" + std::string(100, c));
  CHECK(announced(filters).size() == 4);
  filters.add("long/" + std::string(100, 'e'));
  CHECK(announced(filters) == Strings{"long/#"});
}

TEST_CASE("$SYS is each node's own", "[cluster]") {
  AnnouncedFilters filters({});
  for (const char* filter : {"$SYS/#", "$SYS", "$SYS/broker/uptime", "$SYSTEM"}) {
    filters.add(filter);
  }
  CHECK(announced(filters) == Strings{"$SYSTEM"});
  filters.remove("$SYS/#");
  CHECK(filters.filters() == 1);
}

TEST_CASE("first levels with $ above their limit wait for room", "[cluster]") {
  AnnouncedFilters filters({.filters_max = 8, .dollar_levels_max = 2});
  for (const char* filter : {"$1/a", "$2/a", "$2/b", "$3/a", "$0/#"}) filters.add(filter);
  CHECK(announced(filters) == Strings{"$1/a", "$2/a", "$2/b"});
  CHECK(filters.left_out() == 2);
  filters.remove("$3/a");
  CHECK(filters.left_out() == 1);
  filters.remove("$2/a");
  CHECK(announced(filters) == Strings{"$1/a", "$2/b"});
  filters.remove("$2/b");
  CHECK(announced(filters) == Strings{"$0/#", "$1/a"});
  CHECK(filters.left_out() == 0);
}

TEST_CASE("long filters are shortened to a prefix", "[cluster]") {
  const std::string level(500, 'x');
  const std::string huge(1100, 'x');
  AnnouncedFilters filters({});
  const std::vector<std::pair<std::string, Strings>> cases = {
      {level + "/" + level + "/" + level, {level + "/" + level + "/#"}},
      {level + "/" + level + "/" + std::string(23, 'y'), {level + "/" + level + "/#"}},
      {level + "/+/" + std::string(521, 'y') + "/#", {level + "/+/#"}},
      {huge, {"#"}},
      {huge + "/#", {"#"}},
      {"$" + huge + "/a", {}},
      {"$" + level + "/" + huge, {"$" + level + "/#"}},
  };
  for (const auto& [filter, expected] : cases) {
    CAPTURE(filter);
    REQUIRE(cluster::tokens_bytes(filter) > cluster::tokens_bytes_max);
    filters.add(filter);
    CHECK(announced(filters) == expected);
    for (const std::string& each : expected) {
      CHECK(cluster::tokens_bytes(each) <= cluster::tokens_bytes_max);
    }
    filters.remove(filter);
    CHECK(announced(filters).empty());
    CHECK(filters.filters() == 0);
  }
}

TEST_CASE("long filters that begin alike are counted together", "[cluster]") {
  const std::string front = std::string(600, 'x') + "/";
  AnnouncedFilters filters({});
  filters.add(front + std::string(600, 'y'));
  filters.add(front + std::string(600, 'z'));
  CHECK(filters.filters() == 1);
  filters.remove(front + std::string(600, 'y'));
  CHECK(announced(filters) == Strings{front + "#"});
  filters.remove(front + std::string(600, 'z'));
  CHECK(announced(filters).empty());
}

TEST_CASE("the set stands for all filters, within its limits, whatever comes and goes",
          "[cluster]") {
  const unsigned seed = GENERATE(range(1U, 41U));
  CAPTURE(seed);
  std::minstd_rand random(seed);
  Oracle oracle{.limits = {.filters_max = 8 + below(random, 60),
                           .bytes_max = 100 + below(random, 900),
                           .dollar_levels_max = 4}};
  Strings live;
  for (int phase = 0; phase < 12; ++phase) {
    // Phases of growth and of decline, from none to some hundreds.
    const std::size_t growth = phase % 3 == 2 ? 1 : 3;
    for (int step = 0; step < 60; ++step) {
      if (live.empty() || below(random, 4) < growth) {
        live.push_back(random_filter(random));
        oracle.add(live.back());
      } else {
        std::swap(live[below(random, live.size())], live.back());
        oracle.remove(live.back());
        live.pop_back();
      }
      if (below(random, 4) == 0) oracle.update();
    }
    oracle.update();
    oracle.check();
  }
  // Down to few: each has its place again.
  while (live.size() > 3) {
    oracle.remove(live.back());
    live.pop_back();
    oracle.update();
  }
  oracle.check();
  CHECK(oracle.filters.announced() == oracle.expected_with_room());
  while (!live.empty()) {
    oracle.remove(live.back());
    live.pop_back();
  }
  oracle.update();
  CHECK(oracle.filters.announced().empty());
  CHECK(oracle.filters.prefixes() == 0);
}

TEST_CASE("a change costs as much with 100,000 filters as with few", "[cluster]") {
  AnnouncedFilters filters({});
  for (int i = 0; i < 100'000; ++i) {
    filters.add("site/" + std::to_string(i % 100) + "/device/" + std::to_string(i) + "/+");
  }
  filters.update();
  CHECK(filters.filters() == 100'000);
  CHECK(filters.announced().size() == 100);
  CHECK(filters.looked_at() < 2000);
  for (int i = 0; i < 100; ++i) {
    filters.add("other/" + std::to_string(i));
    CHECK(filters.update().added.size() == 1);
    CHECK(filters.looked_at() < 2000);
  }
  filters.add("site/#");
  CHECK(filters.update().added == Strings{"site/#"});
  filters.remove("site/#");
  CHECK(filters.update().added.size() == 100);
  CHECK(filters.looked_at() < 2000);
}

TEST_CASE("a filter of as many levels as it may have is counted and removed", "[cluster]") {
  std::string deep;
  for (int i = 0; i < 200; ++i) deep += "/";
  AnnouncedFilters filters({.filters_max = 4, .dollar_levels_max = 2});
  filters.add(deep);
  filters.add(deep + "#");
  CHECK(announced(filters) == Strings{deep + "#"});
  for (const char* filter : {"a", "b", "c", "d"}) filters.add(filter);
  CHECK(announced(filters) == Strings{"#"});
  for (const char* filter : {"a", "b", "c"}) filters.remove(filter);
  CHECK(announced(filters) == Strings{deep + "#", "d"});
}
