#include "broker/core/key_table.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <vector>

#include "broker/core/ids.h"

using broker::KeyTable;
using broker::MessageKey;

namespace {

/// Every key is found, and none beside them.
void check(const std::vector<std::uint64_t>& keys) {
  KeyTable<MessageKey, std::uint64_t> table;
  for (const std::uint64_t key : keys) table.add(MessageKey{key}, key * 3);
  CHECK(table.size() == keys.size());
  const std::map<std::uint64_t, int> all = [&] {
    std::map<std::uint64_t, int> made;
    for (const std::uint64_t key : keys) made[key] = 1;
    return made;
  }();
  for (const std::uint64_t key : keys) {
    const std::uint64_t* const found = table.find(MessageKey{key});
    REQUIRE(found != nullptr);
    CHECK(*found == key * 3);
    for (const std::uint64_t other : {key - 1, key + 1}) {
      CHECK((table.find(MessageKey{other}) != nullptr) == all.contains(other));
    }
  }
}

}  // namespace

TEST_CASE("keys without gaps, with gaps, and in no order", "[key_table]") {
  check({});
  check({7});
  check({1, 2, 3, 4, 5});
  check({3, 7, 8, 9, 1000, 1001, 50'000'000'000, 50'000'000'003});
  check({9, 4, 8, 1, 3});
  check({1, UINT64_MAX - 1});
  std::vector<std::uint64_t> many;
  for (std::uint64_t i = 1; i < 3000; ++i) many.push_back(i * i * (i % 7 + 1) * 7919 % 1'000'003);
  std::map<std::uint64_t, int> once;
  std::erase_if(many, [&](std::uint64_t key) { return ++once[key] > 1; });
  check(many);
}

TEST_CASE("a key that is added after others were found is found too", "[key_table]") {
  KeyTable<std::uint64_t, int> table;
  CHECK(table.find(1) == nullptr);
  table.add(5, 50);
  CHECK(table.find(5) != nullptr);
  table.add(2, 20);
  table.add(3, 30);
  CHECK(*table.find(2) == 20);
  CHECK(*table.find(5) == 50);
  *table.find(3) = 31;
  CHECK(*table.find(3) == 31);
}
