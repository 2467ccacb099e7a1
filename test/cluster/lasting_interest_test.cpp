#include "broker/cluster/lasting_interest.h"

#include <catch2/catch.hpp>

namespace {

std::vector<cluster::SessionState::Subscription> subscriptions(
    const std::vector<std::string>& filters) {
  std::vector<cluster::SessionState::Subscription> made;
  for (const std::string& filter : filters) made.push_back({.filter = filter});
  return made;
}

}  // namespace

TEST_CASE("a filter counts until its last session is without it", "[lasting_interest]") {
  cluster::LastingInterest interest;
  interest.set("one", subscriptions({"a/+", "b"}));
  interest.set("two", subscriptions({"a/+", "a/+"}));
  CHECK(interest.wants("a/x"));
  CHECK(interest.wants("b"));
  CHECK_FALSE(interest.wants("c"));
  CHECK_FALSE(interest.wants("$SYS/x"));
  interest.set("one", {});
  CHECK(interest.wants("a/x"));
  CHECK_FALSE(interest.wants("b"));
  interest.set("two", subscriptions({"c"}));
  CHECK_FALSE(interest.wants("a/x"));
  CHECK(interest.wants("c"));
  interest.set("two", {});
  CHECK(interest.filters() == 0);
}
