#include "broker/cluster/batches.h"

#include <catch2/catch.hpp>

TEST_CASE("one batch is on its way, and is repeated as it was", "[batches]") {
  cluster::Batches<int> batches(2);
  CHECK(batches.begin() == nullptr);
  for (const int entry : {1, 2, 3}) batches.add(entry);
  const auto* const first = batches.begin();
  REQUIRE(first != nullptr);
  CHECK(first->number == 1);
  CHECK(first->entries == std::vector<int>{1, 2});
  CHECK(batches.begin() == nullptr);
  batches.add(4);
  batches.failed();
  const auto* const again = batches.begin();
  REQUIRE(again != nullptr);
  CHECK(again->number == 1);
  CHECK(again->entries == std::vector<int>{1, 2});
  CHECK(batches.stored() == std::vector<int>{1, 2});
  CHECK_FALSE(batches.empty());
  CHECK(batches.begin()->number == 2);
  CHECK(batches.stored() == std::vector<int>{3, 4});
  CHECK(batches.empty());
}
