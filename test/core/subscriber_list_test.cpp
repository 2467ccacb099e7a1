#include "broker/core/subscriber_list.h"

#include <catch2/catch.hpp>
#include <cstdint>

using broker::Subscriber;
using broker::SubscriberList;

namespace {

Subscriber session(std::uint32_t index, std::uint32_t identifier = 0) {
  return {.index = index, .subscription_identifier = identifier};
}

}  // namespace

TEST_CASE("a session and a group of one index are two subscribers", "[subscriber_list]") {
  SubscriberList list;
  CHECK(list.insert(session(1)));
  CHECK(list.insert({.index = 1, .kind = Subscriber::Kind::group}));
  CHECK(list.view().size() == 2);
  CHECK(list.erase(session(1)));
  REQUIRE(list.view().size() == 1);
  CHECK(list.view()[0].kind == Subscriber::Kind::group);
}

TEST_CASE("a subscriber that comes again replaces its options [MQTT-3.8.4-3]",
          "[subscriber_list]") {
  SubscriberList list;
  CHECK(list.insert(session(1, 5)));
  CHECK_FALSE(list.insert(session(1, 6)));
  REQUIRE(list.find(session(1)) != nullptr);
  CHECK(list.find(session(1))->subscription_identifier == 6);
  CHECK(list.view().size() == 1);
}

TEST_CASE("a subscriber that is not there is neither found nor taken out", "[subscriber_list]") {
  SubscriberList list;
  CHECK(list.find(session(1)) == nullptr);
  CHECK_FALSE(list.erase(session(1)));
}

TEST_CASE("a list finds, replaces and takes out whether it is short or has an index",
          "[subscriber_list]") {
  constexpr std::uint32_t many = 100;
  SubscriberList list;
  for (std::uint32_t i = 0; i < many; ++i) CHECK(list.insert(session(i)));
  for (std::uint32_t i = 0; i < many; ++i) CHECK_FALSE(list.insert(session(i, i + 1)));
  // Every third goes, from the front and so out of the middle of what is left.
  for (std::uint32_t i = 0; i < many; i += 3) CHECK(list.erase(session(i)));
  for (std::uint32_t i = 0; i < many; ++i) {
    const Subscriber* const found = list.find(session(i));
    CAPTURE(i);
    REQUIRE((found == nullptr) == (i % 3 == 0));
    if (found != nullptr) CHECK(found->subscription_identifier == i + 1);
  }
  for (std::uint32_t i = 0; i < many; ++i) CHECK(list.erase(session(i)) == (i % 3 != 0));
  CHECK(list.view().empty());
}
