#include "broker/core/groups.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

using broker::GroupMember;
using broker::GroupMembers;
using broker::Groups;

namespace {

GroupMember member(std::uint64_t number, bool online = true) {
  GroupMember made;
  made.session = broker::SessionIndex{static_cast<std::uint32_t>(number)};
  made.session_number = number;
  made.online = online;
  return made;
}

/// The sessions that are chosen for so many messages.
std::map<std::uint64_t, int> chosen(GroupMembers& members, int messages) {
  std::map<std::uint64_t, int> times;
  for (int i = 0; i < messages; ++i) {
    const GroupMember* const next = members.next();
    if (next != nullptr) ++times[next->session_number];
  }
  return times;
}

}  // namespace

TEST_CASE("members are chosen in turn, those that are online first", "[groups]") {
  GroupMembers members;
  CHECK(members.next() == nullptr);
  for (const std::uint64_t number : {1U, 2U, 3U, 4U}) members.insert(member(number, number > 2));
  CHECK(chosen(members, 10) == std::map<std::uint64_t, int>{{3, 5}, {4, 5}});
  members.set_online(member(1, true));
  CHECK(chosen(members, 9) == std::map<std::uint64_t, int>{{1, 3}, {3, 3}, {4, 3}});
  for (const std::uint64_t number : {1U, 3U, 4U}) members.set_online(member(number, false));
  CHECK(chosen(members, 8) == std::map<std::uint64_t, int>{{1, 2}, {2, 2}, {3, 2}, {4, 2}});
}

TEST_CASE("a member that joins again replaces its entry [MQTT-3.8.4-3]", "[groups]") {
  GroupMembers members;
  CHECK(members.insert(member(1)));
  GroupMember again = member(1);
  again.qos = mqtt::Qos::exactly_once;
  CHECK_FALSE(members.insert(again));
  REQUIRE(members.size() == 1);
  CHECK(members.next()->qos == mqtt::Qos::exactly_once);
  members.set_online(member(2));  // not there
  CHECK_FALSE(members.erase(member(2)));
  CHECK(members.size() == 1);
}

TEST_CASE("a long group finds its members, in whatever order they leave", "[groups]") {
  constexpr std::uint64_t count = 100;
  GroupMembers members;
  for (std::uint64_t i = 0; i < count; ++i) CHECK(members.insert(member(i, i % 3 == 0)));
  for (std::uint64_t i = 0; i < count; i += 5) members.set_online(member(i, i % 2 == 0));
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::uint64_t number = i * 37 % count;
    CHECK(members.erase(member(number)));
    CHECK_FALSE(members.erase(member(number)));
    CHECK(members.size() == count - 1 - i);
  }
  CHECK(members.next() == nullptr);
}

TEST_CASE("the first member makes a group, and the last one takes it along", "[groups]") {
  Groups groups;
  const Groups::Joined first = groups.join("g", "a/+", member(1));
  CHECK(first.created);
  CHECK_FALSE(groups.join("g", "a/+", member(2)).created);
  CHECK(groups.join("h", "a/+", member(1)).created);
  CHECK(groups.member_count() == 3);
  CHECK(groups.number("g", "a/+") == first.group);
  CHECK(groups.at(first.group).filter == "a/+");
  std::uint32_t gone = UINT32_MAX;
  CHECK_FALSE(groups.leave("g", "a/+", member(1), gone));
  CHECK_FALSE(groups.leave("g", "a/+", member(1), gone));  // it has left
  CHECK(groups.leave("g", "a/+", member(2), gone));
  CHECK(gone == first.group);
  CHECK(groups.number("g", "a/+") == std::nullopt);
  CHECK(groups.pick(first.group) == nullptr);
  CHECK(groups.member_count() == 1);
  // Its number is given to the next group.
  CHECK(groups.join("i", "b", member(3)).group == first.group);
}
