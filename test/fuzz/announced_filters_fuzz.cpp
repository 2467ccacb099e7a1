// Filters that come and go: the set that is announced for them stands for each of them, within its
// limits.

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "broker/cluster/announced_filters.h"
#include "broker/cluster/subject.h"
#include "broker/wire/topic.h"
#include "test/fuzz/input.h"

namespace {

using fuzz::require;

/// Levels of few different texts, some of them long.
std::string filter_of(fuzz::Input& input) {
  static const std::string levels[] = {"",  "a", "b",    "+",    "c", ".",
                                       "d", "e", "$SYS", "$aws", "f", std::string(400, 'x')};
  std::string filter;
  for (std::size_t count = 1 + input.below(6); count > 0; --count) {
    if (count == 1 && input.below(6) == 0) {
      filter += '#';
      break;
    }
    filter += input.pick(levels);
    if (count > 1) filter += '/';
  }
  return filter.empty() ? "+" : filter;
}

bool covers(std::string_view cover, std::string_view filter) {
  if (cover == filter) return true;
  if (cover == "#") return !filter.starts_with('$');
  if (!cover.ends_with("/#")) return false;
  const std::string_view front = cover.substr(0, cover.size() - 2);
  return filter == front ||
         (filter.starts_with(front) && filter.substr(front.size()).starts_with('/'));
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const cluster::AnnouncedFilters::Limits limits{.filters_max = 4 + input.below(20),
                                                 .bytes_max = 2100 + input.below(256),
                                                 .dollar_levels_max = 2};
  cluster::AnnouncedFilters filters(limits);
  std::map<std::string, int> counted;
  while (!input.empty()) {
    const bool adds = input.below(3) != 0;
    const std::string filter = filter_of(input);
    if (adds) {
      filters.add(filter);
      ++counted[filter];
    } else {
      // Long filters with one front are counted as one, so only those that came may go.
      const auto found = counted.find(filter);
      if (found == counted.end() && cluster::tokens_bytes(filter) > cluster::tokens_bytes_max) {
        continue;
      }
      filters.remove(filter);
      if (found != counted.end() && --found->second == 0) counted.erase(found);
    }
    if (input.below(16) != 0 && !input.empty()) continue;
    filters.update();
    const auto& set = filters.announced();
    require(set.size() <= limits.filters_max, "the set has no more filters than it may");
    std::size_t bytes = 0;
    for (const std::string& each : set) {
      bytes += each.size();
      require(mqtt::check_topic_filter(each).has_value(), "each of the set is a filter");
      require(cluster::tokens_bytes(each) <= cluster::tokens_bytes_max, "none is long");
    }
    require(bytes <= limits.bytes_max, "the set has no more bytes than it may");
    for (const auto& [each, times] : counted) {
      if (each.starts_with("$SYS")) continue;
      require(std::ranges::any_of(set, [&](const auto& cover) { return covers(cover, each); }),
              "each filter is covered");
    }
  }
  return 0;
}
