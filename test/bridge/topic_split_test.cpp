#include "broker/bridge/topic_split.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>
#include <vector>

using bridge::Direction;
using bridge::Mapping;
using bridge::TopicSplit;
using mqtt::Qos;

namespace {

Mapping mapping(std::string pattern, Direction direction, std::string local = "",
                std::string remote = "") {
  return {std::move(pattern), direction, Qos::at_least_once, std::move(local), std::move(remote)};
}

/// The connections of topics with a number behind them.
std::set<std::size_t> connections_of(const TopicSplit& split, const std::string& topic) {
  std::set<std::size_t> all;
  for (int i = 0; i < 100; ++i) all.insert(split.connection_of(topic + std::to_string(i)));
  return all;
}

/// The connection that subscribes at the other broker.
std::size_t subscriber_of(const TopicSplit& split, std::size_t connections,
                          const std::string& filter) {
  std::vector<std::size_t> found;
  for (std::size_t i = 0; i < connections; ++i) {
    const bridge::TopicMap map(split.part(i).mappings);
    for (const bridge::Filter& each : map.remote_filters()) {
      if (each.text == filter) found.push_back(i);
    }
  }
  REQUIRE(found.size() == 1);
  return found.front();
}

}  // namespace

TEST_CASE("topics that go out are shared out by their names", "[bridge]") {
  const TopicSplit split({mapping("#", Direction::out)}, 4);
  CHECK(connections_of(split, "a/").size() == 4);
  CHECK(split.connection_of("a/1") == split.connection_of("a/1"));
  CHECK(split.used() == 4);
  for (std::size_t i = 0; i < 4; ++i) CHECK(split.part(i).mappings.size() == 1);
}

TEST_CASE("a topic that comes back goes out where it comes in", "[bridge]") {
  const TopicSplit split({mapping("a/#", Direction::both, "l/", "r/"), mapping("#", Direction::out),
                          mapping("b/+", Direction::both), mapping("c", Direction::in, "x/", "y/")},
                         4);
  CHECK(connections_of(split, "l/a/") == std::set{subscriber_of(split, 4, "r/a/#")});
  CHECK(connections_of(split, "b/") == std::set{subscriber_of(split, 4, "b/+")});
  CHECK(connections_of(split, "free/").size() == 4);
  // The name of one that comes in, at this broker and at the other one.
  CHECK(split.connection_of("x/c") == subscriber_of(split, 4, "y/c"));
  CHECK(split.connection_of("y/c") == subscriber_of(split, 4, "y/c"));
}

TEST_CASE("subscriptions that overlap belong to one connection", "[bridge]") {
  const TopicSplit split({mapping("a/+/x", Direction::in), mapping("b", Direction::in),
                          mapping("a/b/#", Direction::in), mapping("$share/s/b", Direction::in),
                          mapping("c", Direction::both)},
                         4);
  CHECK(subscriber_of(split, 4, "a/+/x") == subscriber_of(split, 4, "a/b/#"));
  CHECK(subscriber_of(split, 4, "b") == subscriber_of(split, 4, "$share/s/b"));
  CHECK(subscriber_of(split, 4, "b") != subscriber_of(split, 4, "a/b/#"));
  CHECK(split.used() == 3);
}

TEST_CASE("a way out may join two ways in", "[bridge]") {
  // A message that comes in as "l/1" goes out as "r/l/1", a name of the other way in.
  const TopicSplit split(
      {mapping("1", Direction::in, "l/", ""), mapping("l/1", Direction::in, "", "r/"),
       mapping("#", Direction::out, "", "r/")},
      2);
  CHECK(subscriber_of(split, 2, "1") == subscriber_of(split, 2, "r/l/1"));
}

TEST_CASE("filters that one connection has are leftovers of the others", "[bridge]") {
  const TopicSplit split({mapping("a", Direction::both, "l/", "r/"), mapping("b", Direction::in)},
                         2);
  CHECK(split.part(0).local_leftovers.empty());
  CHECK(split.part(0).remote_leftovers == std::vector<std::string>{"b"});
  CHECK(split.part(1).local_leftovers == std::vector<std::string>{"l/a"});
  CHECK(split.part(1).remote_leftovers == std::vector<std::string>{"r/a"});
}

TEST_CASE("filters overlap if a topic may match both", "[bridge]") {
  const auto [one, other, wanted] = GENERATE(table<std::string, std::string, bool>({
      {"a", "a", true},
      {"a", "b", false},
      {"a/+", "+/b", true},
      {"a/+", "b/+", false},
      {"a/#", "a", true},
      {"a/#", "a/b/c", true},
      {"#", "x/y", true},
      {"a/+", "a", false},
      {"a/+/#", "a/b", true},
      {"+", "a/b", false},
  }));
  CAPTURE(one, other);
  CHECK(bridge::overlap(one, other) == wanted);
  CHECK(bridge::overlap(other, one) == wanted);
}
