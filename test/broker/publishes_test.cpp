#include "broker/publishes.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "broker/wire/framer.h"
#include "test/broker/parts.h"

namespace {

using broker::Next;
using mqtt::Version;
using Lines = std::vector<std::string>;

/// A client of 5.0 that publishes, and one that subscribes to "t".
struct Scene {
  explicit Scene(broker::Durability durability = broker::Durability::none) : parts(durability) {
    broker::Subscriber subscriber;
    subscriber.index = static_cast<std::uint32_t>(watcher.session.index);
    parts.router.subscribe("t", subscriber);
    client.connection.promises = {.maximum_packet_size_bytes = 1000, .topic_alias_maximum = 2};
    client.connection.promises.receive_maximum = 2;
  }
  Next take(const std::string& packet) {
    const auto frame = mqtt::next_frame(mqtt::as_bytes(packet), packet.size());
    return publishes.take(client.connection, **frame);
  }
  Next take(std::string_view topic, std::string_view payload,
            const test::PublishOptions& options = {}) {
    return take(test::publish(topic, payload, options));
  }
  /// All that came for a client since the last call.
  static Lines output(test::Parts& parts, broker::ConnectionId id) {
    Lines all;
    parts.holdings.end_turn(parts.ledger.position());
    parts.outbox.drain_output([&](broker::ConnectionId of, broker::Output& output) {
      if (of != id) return;
      all = test::describe(mqtt::as_text(output.bytes.view()), Version::v5_0);
    });
    return all;
  }
  Lines answers() { return output(parts, client.connection.id); }
  Lines delivered() { return output(parts, watcher.connection.id); }

  test::Parts parts;
  test::ConnectedClient client{parts, 1, Version::v5_0, "client"};
  test::ConnectedClient watcher{parts, 2, Version::v5_0, "watcher"};
  broker::Publishes publishes{parts.options,      parts.ledger,  parts.holdings, parts.forwards,
                              parts.commits,      parts.metrics, parts.pressure, parts.turn,
                              parts.distribution, parts.log,     parts.replies,  parts.reading,
                              parts.disconnects};
};

}  // namespace

TEST_CASE("a PUBLISH is distributed and acknowledged by its QoS", "[publishes]") {
  const auto [qos, answer] = GENERATE(
      table<unsigned, Lines>({{0, Lines{}}, {1, Lines{"PUBACK m1"}}, {2, Lines{"PUBREC m1"}}}));
  Scene scene;
  CHECK(scene.take("t", "hi", {.qos = qos}) == Next::go_on);
  CHECK(broker::sum_over(scene.parts.metrics.publish_received) == 1);
  SECTION("the subscriber") { CHECK(scene.delivered() == Lines{"PUBLISH q0 r0 d0 m0 t hi"}); }
  SECTION("the publisher") { CHECK(scene.answers() == answer); }
}

TEST_CASE("a QoS 2 message is distributed once until PUBREL [MQTT-4.3.3-10]", "[publishes]") {
  Scene scene;
  scene.take("t", "hi", {.qos = 2});
  CHECK(scene.delivered().size() == 1);
  scene.take("t", "hi", {.qos = 2});
  CHECK(scene.delivered().empty());
  scene.publishes.release(scene.client.connection,
                          {mqtt::PacketType::pubrel, mqtt::PacketId{1}, {}, {}});
  CHECK(scene.answers() == Lines{"PUBCOMP m1"});
  scene.take("t", "again", {.qos = 2});
  CHECK(scene.delivered().size() == 1);
}

TEST_CASE("more QoS 2 messages than promised end the connection [MQTT-3.3.4-7]", "[publishes]") {
  Scene scene;
  CHECK(scene.take("t", "1", {.qos = 2, .packet_id = 1}) == Next::go_on);
  CHECK(scene.take("t", "2", {.qos = 2, .packet_id = 2}) == Next::go_on);
  CHECK(scene.take("t", "3", {.qos = 2, .packet_id = 3}) == Next::stop);
  CHECK(scene.parts.connections.find({1, 1}) == nullptr);
}

TEST_CASE("a topic alias stands for its topic [MQTT-3.3.2-12]", "[publishes]") {
  Scene scene;
  CHECK(scene.take("t", "1", {.topic_alias = 2}) == Next::go_on);
  CHECK(scene.take("", "2", {.topic_alias = 2}) == Next::go_on);
  CHECK(scene.delivered().size() == 2);
  SECTION("unless it was never set") {
    CHECK(scene.take("", "3", {.topic_alias = 1}) == Next::stop);
  }
  SECTION("or is above the maximum [MQTT-3.3.2-9]") {
    CHECK(scene.take("t", "3", {.topic_alias = 3}) == Next::stop);
  }
}

TEST_CASE("what CONNACK did not promise ends the connection", "[publishes]") {
  Scene scene;
  auto& promises = scene.client.connection.promises;
  SECTION("QoS [MQTT-3.2.2-11]") {
    promises.maximum_qos = mqtt::Qos::at_most_once;
    CHECK(scene.take("t", "1", {.qos = 1}) == Next::stop);
  }
  SECTION("retained messages [MQTT-3.2.2-14]") {
    promises.retain_available = false;
    CHECK(scene.take("t", "1", {.retain = true}) == Next::stop);
  }
}

TEST_CASE("a PUBLISH that is too large for the configuration goes nowhere", "[publishes]") {
  Scene scene;
  scene.parts.limits.message_size_limit_bytes = 3;
  CHECK(scene.take("t", "long", {.qos = 1}) == Next::go_on);
  CHECK(scene.answers() == Lines{"PUBACK m1 97"});
  CHECK(scene.parts.lines.contains("Dropped a too large PUBLISH"));
}

TEST_CASE("the mount point stands in front of the topic", "[publishes]") {
  Scene scene;
  scene.client.session.mount_point = broker::HeapText("t");
  CHECK(scene.take("", "", {}) == Next::stop);  // a topic name has a character
  Scene other;
  other.client.session.mount_point = broker::HeapText(std::string(65'535, 't'));
  CHECK(other.take("t", "1") == Next::stop);
}

TEST_CASE("a PUBLISH that has to wait is put aside whole, and taken later", "[publishes]") {
  Scene scene(broker::Durability::commit);
  scene.parts.limits.max_uncommitted_bytes = 1;
  scene.parts.holdings.charge(1);
  const std::string packet = test::publish("t", "hi", {.qos = 1});
  CHECK(scene.take(packet) == Next::go_on);
  CHECK(scene.delivered().empty());
  const auto kept = scene.parts.pressure.unpark(scene.client.connection);
  REQUIRE(kept);
  CHECK(mqtt::as_text(kept->view()) == packet);
  scene.parts.limits.max_uncommitted_bytes = 1000;
  const auto frame = mqtt::next_frame(kept->view(), 1000);
  CHECK(scene.publishes.retake(scene.client.connection, **frame) == Next::go_on);
  CHECK(scene.delivered().size() == 1);
}

TEST_CASE("without memory QoS 0 is counted as dropped", "[publishes]") {
  Scene scene;
  scene.parts.commons.memory.headroom_bytes = 0;
  scene.parts.pressure.look_at_memory();
  CHECK(scene.take("t", "hi", {.retain = true}) == Next::go_on);
  CHECK(scene.parts.metrics.publish_dropped == 1);
  CHECK(scene.take("t", "hi", {.qos = 1}) == Next::go_on);
  CHECK(scene.answers() == Lines{"PUBACK m1 97"});
}

TEST_CASE("a client that publishes faster than it may waits", "[publishes]") {
  Scene scene;
  scene.parts.options.listeners[0].publish_rate = {.messages_per_second = 1};
  CHECK(scene.take("t", "1") == Next::wait);
  CHECK(scene.parts.metrics.refused[static_cast<std::size_t>(broker::Refusal::publish_delayed)] ==
        1);
}

TEST_CASE("a client that publishes faster than it may is disconnected where the listener says so",
          "[publishes]") {
  Scene scene;
  scene.parts.options.listeners[0].publish_rate = {.messages_per_second = 1,
                                                   .policy = broker::PublishRatePolicy::disconnect};
  CHECK(scene.take("t", "1") == Next::go_on);
  CHECK(scene.take("t", "2") == Next::stop);
}
