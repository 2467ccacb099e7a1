#include "broker/core/ring.h"

#include <catch2/catch.hpp>
#include <memory>

namespace {

using Numbers = broker::Ring<std::unique_ptr<int>>;

}  // namespace

TEST_CASE("elements leave a ring in the order in which they came", "[ring]") {
  Numbers ring;
  int next_in = 0;
  int next_out = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 5; ++i) ring.push_back(std::make_unique<int>(next_in++));
    for (int i = 0; i < 4; ++i) CHECK(*ring.pop_front() == next_out++);
  }
  CHECK(ring.size() == 20);
  for (std::size_t i = 0; i < ring.size(); ++i) CHECK(*ring[i] == next_out + static_cast<int>(i));
}

TEST_CASE("an element is filled in, and emptied, where it is", "[ring]") {
  Numbers ring;
  for (int i = 0; i < 100; ++i) {
    std::unique_ptr<int>& place = ring.push_empty();
    // A slot that was used before is as new.
    CHECK(place == nullptr);
    place = std::make_unique<int>(i);
    if (i < 3) continue;
    CHECK(*ring.front() == i - 3);
    ring.front().reset();
    ring.drop_empty_front();
  }
  CHECK(ring.size() == 3);
}
