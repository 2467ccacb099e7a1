#include "broker/core/shard_figures.h"

#include <catch2/catch.hpp>
#include <map>
#include <string>
#include <string_view>
#include <utility>

namespace {

using broker::Metrics;

std::map<std::string, std::string> topics_of(const Metrics& metrics) {
  std::map<std::string, std::string> all;
  broker::for_each_topic(broker::shard_figures(), metrics, {},
                         [&](std::string_view topic, std::string payload) {
                           CHECK(all.try_emplace(std::string(topic), std::move(payload)).second);
                         });
  return all;
}

}  // namespace

TEST_CASE("counts of shards are added up, and topics show the sum", "[shard_figures]") {
  Metrics total;
  Metrics one;
  one.bytes_received = 5;
  one.publish_received = {1, 2, 3};
  one.publish_dropped = 4;
  broker::merge(broker::shard_figures(), total, one);
  broker::merge(broker::shard_figures(), total, one);
  const auto topics = topics_of(total);
  CHECK(topics.at("bytes/received") == "10");
  CHECK(topics.at("publish/messages/received") == "12");
  CHECK(topics.at("publish/messages/dropped") == "8");
}

TEST_CASE("clients that are away are sessions without a connection, and never fewer than none",
          "[shard_figures]") {
  Metrics metrics;
  metrics.sessions = 5;
  metrics.clients_connected = 3;
  CHECK(topics_of(metrics).at("clients/disconnected") == "2");
  // Reports of shards are of different times.
  metrics.clients_connected = 7;
  CHECK(topics_of(metrics).at("clients/disconnected") == "0");
}

TEST_CASE("every figure has a name and a sentence that explains it", "[shard_figures]") {
  for (const auto& row : broker::shard_figures().rows) {
    CAPTURE(row.name);
    CHECK_FALSE(row.name.empty());
    CHECK(row.help.ends_with('.'));
  }
}
