#include "broker/core/membership_list.h"

#include <catch2/catch.hpp>
#include <string>

using broker::MembershipList;

TEST_CASE("memberships keep their numbers until they are erased", "[membership_list]") {
  const int count = GENERATE(1, 5, 9, 1000);
  MembershipList list;
  for (int i = 0; i < count; ++i) {
    const auto number = list.add("g" + std::to_string(i), "x");
    CHECK(list.add("g" + std::to_string(i), "x") == number);
    CHECK(list.join(number));
    CHECK_FALSE(list.join(number));
  }
  CHECK(list.live() == static_cast<std::size_t>(count));
  const auto first = list.find("g0", "x");
  list.leave(first);
  CHECK(list.find("g0", "x") == first);
  CHECK(list.ended() == 1);
  list.erase(first);
  CHECK(list.find("g0", "x") == MembershipList::none);
  for (int i = 1; i < count; ++i) {
    const auto number = list.find("g" + std::to_string(i), "x");
    REQUIRE(number != MembershipList::none);
    CHECK(list.at(number).share_name == "g" + std::to_string(i));
    list.leave(number);
    list.erase(number);
  }
  CHECK(list.live() + list.ended() == 0);
  CHECK(list.last() == 0);  // its memory is given back
}
