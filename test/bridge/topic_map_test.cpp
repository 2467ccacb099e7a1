#include "broker/bridge/topic_map.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using bridge::Direction;
using bridge::Filter;
using bridge::Mapping;
using bridge::TopicMap;
using mqtt::Qos;
using Strings = std::vector<std::string>;

namespace {

std::string out(const TopicMap& map, std::string_view topic) {
  std::string name = "x";
  return map.to_remote(topic, name) ? name : "does not cross";
}

std::string in(const TopicMap& map, std::string_view topic) {
  std::string name = "x";
  return map.to_local(topic, name) ? name : "does not cross";
}

}  // namespace

TEST_CASE("a prefix is exchanged on the way, whichever is empty", "[bridge]") {
  // The table of mosquitto.conf(5).
  const auto [mapping, local, remote] = GENERATE(table<Mapping, std::string, std::string>({
      {{"p/#", Direction::both, Qos::at_most_once, "L/", "R/"}, "L/p/x", "R/p/x"},
      {{"p/#", Direction::both, Qos::at_most_once, "L/", ""}, "L/p/x", "p/x"},
      {{"p/#", Direction::both, Qos::at_most_once, "", "R/"}, "p/x", "R/p/x"},
      {{"p/#", Direction::both, Qos::at_most_once, "", ""}, "p/x", "p/x"},
      {{"", Direction::both, Qos::at_most_once, "local", "remote"}, "local", "remote"},
      {{"#", Direction::both, Qos::at_most_once, "a/b/", "a/"}, "a/b/a/b/c", "a/a/b/c"},
      {{"+/t", Direction::both, Qos::at_most_once, "L/", "R/"}, "L/1/t", "R/1/t"},
  }));
  CAPTURE(local);
  const TopicMap map({mapping});
  CHECK(out(map, local) == remote);
  CHECK(in(map, remote) == local);
  CHECK(out(map, "other") == "does not cross");
  CHECK(in(map, "other") == "does not cross");
}

TEST_CASE("mappings hold in their direction", "[bridge]") {
  const TopicMap map({{"a/#", Direction::out, Qos::at_least_once, "l/", "r/"},
                      {"b/#", Direction::in, Qos::exactly_once, "l/", "r/"},
                      {"c/#", Direction::both, Qos::at_most_once}});
  CHECK(map.local_filters() ==
        std::vector<Filter>{{"l/a/#", Qos::at_least_once}, {"c/#", Qos::at_most_once}});
  CHECK(map.remote_filters() ==
        std::vector<Filter>{{"r/b/#", Qos::exactly_once}, {"c/#", Qos::at_most_once}});
  CHECK(map.remote_leftovers() == Strings{"r/a/#"});
  CHECK(out(map, "l/b/x") == "does not cross");
  CHECK(in(map, "r/a/x") == "does not cross");
}

TEST_CASE("the first mapping that renames holds, and one that does not if there is none",
          "[bridge]") {
  const TopicMap map({{"#", Direction::out},
                      {"x/#", Direction::out, Qos::at_most_once, "a/", "one/"},
                      {"#", Direction::out, Qos::at_most_once, "a/", "two/"}});
  CHECK(out(map, "a/x/y") == "one/x/y");
  CHECK(out(map, "a/y") == "two/y");
  CHECK(out(map, "b") == "b");
  CHECK(out(map, "$SYS/x") == "does not cross");  // [MQTT-4.7.2-1]
}

TEST_CASE("a filter of several mappings is one subscription, of the highest QoS", "[bridge]") {
  const TopicMap map({{"a", Direction::in},
                      {"a", Direction::both, Qos::exactly_once},
                      {"a", Direction::out, Qos::at_least_once}});
  CHECK(map.local_filters() == std::vector<Filter>{{"a", Qos::exactly_once}});
  CHECK(map.remote_filters() == std::vector<Filter>{{"a", Qos::exactly_once}});
  CHECK(map.remote_leftovers().empty());
}

TEST_CASE("the parent of a filter with # has no prefix to lose", "[bridge]") {
  const TopicMap map({{"#", Direction::both, Qos::at_most_once, "a/", "b/"}});
  CHECK(out(map, "a") == "b/a");
  CHECK(out(map, "a/") == "b/");
}

TEST_CASE("messages of a shared subscription at the other broker have its topics", "[bridge]") {
  const TopicMap map({{"a/#", Direction::in, Qos::at_least_once, "l/", "$share/group/"}});
  CHECK(map.remote_filters() == std::vector<Filter>{{"$share/group/a/#", Qos::at_least_once}});
  CHECK(in(map, "a/x") == "l/a/x");
}
