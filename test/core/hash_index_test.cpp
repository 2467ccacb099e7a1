#include "broker/core/hash_index.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <iterator>
#include <map>
#include <random>

using broker::HashIndex;

namespace {

std::uint32_t find(const HashIndex& index, std::uint32_t hash, std::uint32_t number) {
  return index.find(hash, [&](std::uint32_t one) { return one == number; });
}

}  // namespace

TEST_CASE("an empty index finds nothing", "[hash_index]") {
  const HashIndex index;
  CHECK(index.size() == 0);
  CHECK(find(index, 7, 1) == HashIndex::none);
}

TEST_CASE("things of one hash are told apart by the things themselves", "[hash_index]") {
  HashIndex index;
  for (const std::uint32_t number : {1U, 2U, 3U}) index.insert(0xFFFF'FFFF, number);
  CHECK(index.size() == 3);
  CHECK(find(index, 0xFFFF'FFFF, 2) == 2);
  CHECK(find(index, 0xFFFF'FFFF, 4) == HashIndex::none);
  CHECK(find(index, 0xFFFF'FFFE, 2) == HashIndex::none);
}

TEST_CASE("only things of the wanted hash are looked at", "[hash_index]") {
  HashIndex index;
  index.insert(0x0001, 1);
  index.insert(0x8001, 2);  // beside it
  bool looked_at_other = false;
  (void)index.find(0x8001, [&](std::uint32_t number) {
    looked_at_other = looked_at_other || number != 2;
    return false;
  });
  CHECK_FALSE(looked_at_other);
}

TEST_CASE("a hole in a row hides nothing behind it", "[hash_index]") {
  // All of them begin at one slot, at the end of the array too: the row wraps around.
  for (const std::uint32_t hash : {0U, 0xFFFF'FFFFU}) {
    for (std::uint32_t erased = 1; erased <= 5; ++erased) {
      HashIndex index;
      for (std::uint32_t number = 1; number <= 5; ++number) index.insert(hash, number);
      index.erase(hash, erased);
      CHECK(index.size() == 4);
      for (std::uint32_t number = 1; number <= 5; ++number) {
        CHECK(find(index, hash, number) == (number == erased ? HashIndex::none : number));
      }
    }
  }
}

TEST_CASE("a number takes the place of another", "[hash_index]") {
  HashIndex index;
  index.insert(5, 1);
  index.replace(5, 1, 9);
  CHECK(find(index, 5, 9) == 9);
  CHECK(find(index, 5, 1) == HashIndex::none);
  CHECK(index.size() == 1);
}

TEST_CASE("an index agrees with a map, whatever comes and goes", "[hash_index]") {
  std::minstd_rand random(20'260'112);
  HashIndex index;
  std::map<std::uint32_t, std::uint32_t> model;  // number, hash
  for (std::uint32_t step = 1; step <= 20'000; ++step) {
    if (random() % 5 < 3 || model.empty()) {
      const auto hash = static_cast<std::uint32_t>(random() % 97 * 0x0101'0101U);
      index.insert(hash, step);
      model.emplace(step, hash);
    } else {
      const auto one = std::next(
          model.begin(),
          static_cast<std::ptrdiff_t>(random() % std::min<std::size_t>(model.size(), 20)));
      index.erase(one->second, one->first);
      model.erase(one);
    }
  }
  CHECK(index.size() == model.size());
  bool all_there = true;
  for (const auto& [number, hash] : model) all_there = all_there && find(index, hash, number);
  CHECK(all_there);
}
