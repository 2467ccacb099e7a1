#include "broker/core/slab.h"

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

using broker::Slab;

TEST_CASE("what a slab holds for things that are gone is given back", "[slab]") {
  Slab<int> slab;
  std::vector<std::uint32_t> numbers;
  for (int i = 0; i < 10'000; ++i) {
    numbers.push_back(slab.take());
    slab[numbers.back()] = i;
  }
  CHECK(slab.places() < 10'000 + 1024);
  for (std::size_t i = 100; i < numbers.size(); ++i) slab.give_back(numbers[i]);
  CHECK(slab.size() == 100);
  CHECK(slab.places() <= 1024);
  for (int i = 0; i < 100; ++i) CHECK(slab[numbers[static_cast<std::size_t>(i)]] == i);
  for (std::size_t i = 100; i < numbers.size(); ++i) CHECK(slab[slab.take()] == 0);
  CHECK(slab.size() == 10'000);
}
