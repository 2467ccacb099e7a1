#include "tools/darter-bench/traffic.h"

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <set>
#include <string>

#include "broker/wire/topic.h"

namespace {

bench::Traffic traffic_named(const std::string& scenario) {
  bench::Options options;
  options.scenario = scenario;
  options.publishers = scenario == "fanout" ? 1 : 12;
  options.subscribers = 10;
  return bench::traffic_of(options);
}

}  // namespace

TEST_CASE("a message reaches a subscriber if the filter matches the topic", "[traffic]") {
  const std::string scenario = GENERATE("pairs", "fanin", "fanout", "many", "latency");
  CAPTURE(scenario);
  const bench::Traffic traffic = traffic_named(scenario);
  for (std::uint32_t i = 0; i < traffic.publishers; ++i) {
    std::uint32_t receivers = 0;
    for (std::uint32_t k = 0; k < traffic.subscribers; ++k) {
      const bool matches = mqtt::matches(traffic.filter_of(k), traffic.topic_of(i));
      CHECK(matches == traffic.reaches(i, k));
      receivers += matches ? 1 : 0;
    }
    CHECK(receivers == traffic.receivers());
  }
}

TEST_CASE("every pair of publisher and subscriber has a link of its own", "[traffic]") {
  const std::string scenario = GENERATE("pairs", "fanin", "fanout", "many");
  CAPTURE(scenario);
  const bench::Traffic traffic = traffic_named(scenario);
  std::set<std::size_t> links;
  for (std::uint32_t i = 0; i < traffic.publishers; ++i) {
    for (std::uint32_t k = 0; k < traffic.subscribers; ++k) {
      if (!traffic.reaches(i, k)) continue;
      CHECK(links.insert(traffic.link(i, k)).second);
      CHECK(traffic.link(i, k) < traffic.links());
    }
  }
}

TEST_CASE("the other subscriptions are well-formed, distinct, and match nothing", "[traffic]") {
  const bench::Traffic traffic = traffic_named("many");
  std::set<std::string> filters;
  for (std::uint32_t number = 0; number < 3000; ++number) {
    const std::string filter = traffic.other_filter(number);
    CHECK(mqtt::TopicFilter::parse(filter));
    CHECK(filters.insert(filter).second);
    for (std::uint32_t i = 0; i < traffic.publishers; ++i) {
      CHECK_FALSE(mqtt::matches(filter, traffic.topic_of(i)));
    }
  }
}
