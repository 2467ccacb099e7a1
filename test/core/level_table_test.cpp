#include "broker/core/level_table.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>

using broker::LevelTable;

TEST_CASE("the wildcards have numbers of their own from the start", "[level_table]") {
  const LevelTable table;
  CHECK(table.size() == 2);
  CHECK(table.find("+") == LevelTable::plus_number);
  CHECK(table.find("#") == LevelTable::hash_number);
  CHECK(table.find("a") == LevelTable::none);
}

TEST_CASE("a level is kept once, for as long as it has references", "[level_table]") {
  LevelTable table;
  // Short texts stand in the entry, long ones elsewhere; one is empty.
  for (const std::string& level : {std::string(), std::string("a"), std::string(18, 's'),
                                   std::string(19, 'l'), std::string(65'535, 'm')}) {
    CAPTURE(level.size());
    const std::uint32_t number = table.hold(level);
    CHECK(table.hold(level) == number);
    CHECK(table.text(number) == level);
    CHECK(table.size() == 3);
    table.release(number);
    CHECK(table.find(level) == number);
    table.release(number);
    CHECK(table.find(level) == LevelTable::none);
    CHECK(table.size() == 2);
  }
}

TEST_CASE("numbers of levels that went are used again", "[level_table]") {
  LevelTable table;
  const std::uint32_t first = table.hold("first");
  const std::uint32_t other = table.hold("other");
  table.release(first);
  CHECK(table.hold("next") == first);
  CHECK(table.text(other) == "other");
}

TEST_CASE("a path gives the number of each level, and none for unknown ones", "[level_table]") {
  LevelTable table;
  const std::uint32_t a = table.hold("a");
  const std::uint32_t empty = table.hold("");
  std::array<std::uint32_t, 4> numbers{};
  CHECK(table.find_all("a//x/a", numbers) == 4);
  CHECK(numbers == std::array{a, empty, LevelTable::none, a});
  CHECK(table.find_all("", numbers) == 1);
  CHECK(numbers[0] == empty);
}
