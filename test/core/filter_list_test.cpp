#include "broker/core/filter_list.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <vector>

using broker::FilterList;

namespace {

std::vector<FilterList::Filter> sorted(const FilterList& list) {
  std::vector<FilterList::Filter> all(list.view().begin(), list.view().end());
  std::ranges::sort(all);
  return all;
}

FilterList list_of(std::uint32_t count) {
  FilterList list;
  for (std::uint32_t i = 1; i <= count; ++i) list.add(FilterList::Filter{i});
  return list;
}

}  // namespace

TEST_CASE("a filter list keeps what was added and not removed", "[filter_list]") {
  const auto count = GENERATE(1U, 2U, 3U, 4U, 5U, 100U);
  const auto gone = GENERATE_COPY(1U, count / 2 + 1, count);
  FilterList list = list_of(count);
  std::vector<FilterList::Filter> expected = sorted(list);
  CHECK(expected.size() == count);
  list.remove(FilterList::Filter{gone});
  std::erase(expected, FilterList::Filter{gone});
  CHECK(sorted(list) == expected);
  CHECK(list.empty() == expected.empty());
  list.add(FilterList::Filter{count + 1});
  expected.push_back(FilterList::Filter{count + 1});
  CHECK(sorted(list) == expected);
}

TEST_CASE("a filter list can be used again after it was cleared", "[filter_list]") {
  FilterList list = list_of(GENERATE(0U, 2U, 50U));
  list.clear();
  CHECK(list.empty());
  for (std::uint32_t i = 0; i < 3; ++i) list.add(FilterList::Filter{i});
  CHECK(list.view().size() == 3);
}
