#include "tools/darter-bench/sequence_check.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

namespace {

using bench::SequenceCheck;
using Arrival = SequenceCheck::Arrival;

std::vector<Arrival> arrivals_of(SequenceCheck& check, const std::vector<std::uint32_t>& numbers) {
  std::vector<Arrival> arrivals;
  for (const std::uint32_t number : numbers) arrivals.push_back(check.arrived(number));
  return arrivals;
}

constexpr Arrival in_order = Arrival::in_order;

}  // namespace

TEST_CASE("numbers in their order are in order", "[sequence_check]") {
  SequenceCheck check;
  CHECK(arrivals_of(check, {0, 1, 2}) == std::vector{in_order, in_order, in_order});
  CHECK(check.lost_of(3) == 0);
}

TEST_CASE("what was sent and did not come is lost", "[sequence_check]") {
  SequenceCheck check;
  CHECK(check.lost_of(5) == 5);
  (void)arrivals_of(check, {0, 1, 4, 6});
  CHECK(check.lost_of(7) == 3);
  CHECK(check.lost_of(9) == 5);
}

TEST_CASE("a number that comes after its successor is reordered, and not lost",
          "[sequence_check]") {
  SequenceCheck check;
  CHECK(arrivals_of(check, {0, 2, 1, 3}) ==
        std::vector{in_order, in_order, Arrival::reordered, in_order});
  CHECK(check.lost_of(4) == 0);
}

TEST_CASE("a number that comes twice is a duplicate, late ones too", "[sequence_check]") {
  SequenceCheck check;
  CHECK(arrivals_of(check, {0, 0, 2, 1, 1, 2}) ==
        std::vector{in_order, Arrival::duplicate, in_order, Arrival::reordered, Arrival::duplicate,
                    Arrival::duplicate});
  CHECK(check.lost_of(3) == 0);
}
