#include "broker/client/id_table.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <random>

using client::IdTable;
using mqtt::PacketId;

TEST_CASE("a value stays with its identifier while others come and go", "[id_table]") {
  std::mt19937 random(7);
  IdTable<std::unique_ptr<int>> table;
  std::map<std::uint16_t, int> known;
  for (int step = 0; step < 20'000; ++step) {
    const auto number = static_cast<std::uint16_t>(1 + random() % (step < 10'000 ? 30 : 65'535));
    const PacketId id{number};
    REQUIRE(table.contains(id) == known.contains(number));
    if (known.erase(number) == 1) {
      table.erase(id);
    } else {
      table.add(id) = std::make_unique<int>(step);
      known[number] = step;
    }
    REQUIRE(table.size() == known.size());
  }
  for (const auto& [number, value] : known) CHECK(**table.find(PacketId{number}) == value);
  std::size_t visited = 0;
  table.for_each([&](PacketId id, const std::unique_ptr<int>& value) {
    ++visited;
    CHECK(known.at(static_cast<std::uint16_t>(id)) == *value);
  });
  CHECK(visited == known.size());
}

TEST_CASE("every identifier can have a value, and none after the end of all", "[id_table]") {
  IdTable<int> table;
  CHECK(table.find(PacketId{0}) == nullptr);
  CHECK(table.find(PacketId{65'535}) == nullptr);
  for (int round = 0; round < 2; ++round) {
    for (unsigned number = 1; number <= 65'535; ++number) {
      CHECK(table.add(PacketId{static_cast<std::uint16_t>(number)}) == 0);  // made anew
      *table.find(PacketId{static_cast<std::uint16_t>(number)}) = static_cast<int>(number);
    }
    CHECK(table.size() == 65'535);
    for (unsigned number = 65'535; number >= 1; --number) {
      const PacketId id{static_cast<std::uint16_t>(number)};
      CHECK(*table.find(id) == static_cast<int>(number));
      table.erase(id);
    }
    CHECK(table.size() == 0);
    CHECK_FALSE(table.contains(PacketId{9}));
  }
  table.add(PacketId{9}) = 4;
  table.clear();
  CHECK_FALSE(table.contains(PacketId{9}));
}
