#include "broker/figures.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <variant>

namespace {

using broker::Metrics;
using broker::ShardIndex;
using broker::ShardOptions;

constexpr broker::Instant start{1'000'000};

ShardOptions options_of(std::uint32_t index, std::uint32_t shards) {
  ShardOptions options;
  options.index = ShardIndex{index};
  options.shards = shards;
  options.version = "1.2";
  options.limits.sys_interval_seconds = 10;
  return options;
}

/// The figures of one shard, and the tables that they are about.
struct Scene {
  explicit Scene(std::uint32_t index = 0, std::uint32_t shards = 1)
      : options(options_of(index, shards)) {}

  void tick(std::int64_t seconds) {
    published.clear();
    figures.tick(broker::after_seconds(start, seconds),
                 [this](std::string_view topic, std::string_view payload) {
                   published[std::string(topic)] = payload;
                 });
  }
  /// How many other shards are asked for their figures; forgets that.
  std::size_t asked() {
    std::size_t all = 0;
    for (std::uint32_t shard = 0; shard < options.shards; ++shard) {
      auto& messages = peers.messages(broker::PeerId{shard});
      for (const auto& message : messages) {
        all += std::holds_alternative<broker::MetricsRequest>(message) ? 1U : 0U;
      }
      messages.clear();
    }
    peers.settled();
    return all;
  }
  void retain(std::string_view topic, std::string_view payload) {
    retained.store(broker::MessageRef::copy_of(
                       {topic, mqtt::as_bytes(payload), {}, mqtt::Qos::at_least_once, true, {}}),
                   {1, 0}, nullptr);
  }
  void queue(std::string_view client_id) {
    broker::Delivery delivery;
    delivery.message = broker::MessageRef::copy_of(
        {"t", mqtt::as_bytes("12345678"), {}, mqtt::Qos::at_least_once, false, {}});
    delivery.qos = mqtt::Qos::at_least_once;
    sessions.create(client_id).outgoing_part().push_backlog(std::move(delivery));
  }

  ShardOptions options;
  Metrics counters;
  broker::SessionTable sessions{options.home_key};
  broker::Router router{options.limits, sessions};
  broker::Groups groups;
  broker::Retained retained;
  broker::PeerOutbox peers{options.shards};
  broker::Figures figures{options, counters, sessions, router, groups, retained, peers};
  std::map<std::string, std::string> published;
};

}  // namespace

TEST_CASE("a snapshot has what was counted, and sizes as they are", "[figures]") {
  Scene scene;
  scene.counters.publish_received[0] = 7;
  scene.counters.clients_connected = 1;
  scene.queue("a");
  scene.router.subscribe("t", {});
  scene.retain("state", "12345");
  const Metrics all = scene.figures.snapshot();
  CHECK(broker::sum_over(all.publish_received) == 7);
  CHECK(all.clients_connected == 1);
  CHECK(all.sessions == 1);
  CHECK(all.subscriptions == 1);
  CHECK(all.retained_messages == 1);
  CHECK(all.stored_messages == 2);
  CHECK(all.stored_bytes == 9 + 10);
}

TEST_CASE("what is retained counts as stored on one shard only", "[figures]") {
  Scene scene(1, 2);
  scene.retain("state", "12345");
  const Metrics all = scene.figures.snapshot();
  CHECK(all.retained_messages == 1);
  CHECK(all.stored_messages == 0);
  CHECK(all.stored_bytes == 0);
}

TEST_CASE("shard 0 publishes the sum of its figures and of the last reports", "[figures]") {
  Scene scene(0, 3);
  scene.counters.publish_received[0] = 5;
  scene.tick(0);
  CHECK(scene.published["$SYS/broker/version"] == "darter version 1.2");
  CHECK(scene.published["$SYS/broker/publish/messages/received"] == "5");
  CHECK(scene.asked() == 2);

  Metrics report;
  report.publish_received[0] = 100;
  scene.figures.report(ShardIndex{1}, report);
  report.publish_received[0] = 200;
  scene.figures.report(ShardIndex{2}, report);
  report.publish_received[0] = 110;
  scene.figures.report(ShardIndex{1}, report);
  scene.tick(9);
  CHECK(scene.published.empty());
  CHECK(scene.asked() == 0);
  scene.tick(10);
  CHECK(scene.published["$SYS/broker/publish/messages/received"] == "315");
  CHECK(scene.asked() == 2);
}

TEST_CASE("other shards publish no figures", "[figures]") {
  Scene scene(1, 2);
  scene.tick(0);
  CHECK(scene.published.empty());
  CHECK(scene.asked() == 0);
}

TEST_CASE("sys_interval 0 publishes nothing, and another one holds at once", "[figures]") {
  Scene scene;
  scene.options.limits.sys_interval_seconds = 0;
  scene.tick(0);
  CHECK(scene.published.empty());
  scene.options.limits.sys_interval_seconds = 100;
  scene.tick(1);
  CHECK(scene.published.contains("$SYS/broker/uptime"));
  scene.options.limits.sys_interval_seconds = 10;
  scene.figures.reschedule(broker::after_seconds(start, 2));
  scene.tick(2);
  CHECK(scene.published.contains("$SYS/broker/uptime"));
}
