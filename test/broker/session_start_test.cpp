#include "broker/session_start.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "test/broker/parts.h"

namespace {

using broker::Connection;
using broker::Instant;
using broker::Session;
using mqtt::Version;

/// A connection whose CONNECT has come, with the client identifier "c".
struct Scene {
  Scene() {
    parts.turn.enter(Instant{1'000'000});
    packet.version = Version::v5_0;
    packet.client_id = "c";
    packet.session_expiry_interval_seconds = 100;
  }
  Connection& open(std::uint32_t slot) {
    return parts.connections.open({slot, 1}, broker::connection_timer, parts.turn.now());
  }
  /// Connects; the session, or null.
  Session* connect(Connection& connection) {
    Session* const session = parts.start.find_or_make(connection, packet, present);
    if (session != nullptr) parts.start.attach(connection, *session, packet, {});
    return session;
  }
  void pass(std::int64_t seconds) {
    parts.turn.enter(broker::after_seconds(parts.turn.now(), seconds));
  }

  test::Parts parts{broker::Durability::none};
  mqtt::Connect packet;
  bool present = false;
};

}  // namespace

TEST_CASE("a client that is new has a new session", "[session_start]") {
  Scene scene;
  Connection& connection = scene.open(1);
  const Session* const session = scene.connect(connection);
  REQUIRE(session != nullptr);
  CHECK_FALSE(scene.present);
  CHECK(session->connection == &connection);
  CHECK(connection.session == session);
  CHECK(connection.stage == Connection::Stage::connected);
  CHECK(scene.parts.metrics.clients_connected == 1);
  CHECK(scene.parts.commons.counts.sessions == 1);
}

TEST_CASE("a session is resumed, unless Clean Start ends it [MQTT-3.1.2-4]", "[session_start]") {
  Scene scene;
  const auto number = scene.connect(scene.open(1))->number;
  scene.parts.disconnects.end(*scene.parts.connections.find({1, 1}), broker::WillFate::publish, {});
  const bool clean = GENERATE(false, true);
  scene.packet.clean_start = clean;
  const Session* const session = scene.connect(scene.open(2));
  CHECK(scene.present == !clean);
  CHECK((session->number == number) == !clean);
  CHECK_FALSE(session->away);
}

TEST_CASE("an earlier connection of the client ends [MQTT-3.1.4-3]", "[session_start]") {
  Scene scene;
  scene.packet.session_expiry_interval_seconds = GENERATE(0U, 100U);
  scene.connect(scene.open(1));
  scene.connect(scene.open(2));
  CHECK(scene.parts.connections.find({1, 1}) == nullptr);
  CHECK(scene.present == (scene.packet.session_expiry_interval_seconds != 0));
  CHECK(scene.parts.metrics.clients_connected == 1);
  CHECK(scene.parts.commons.counts.sessions == 1);
  CHECK(scene.parts.lines.contains("already connected, closing old connection"));
}

TEST_CASE("no session is made beyond global_max_clients", "[session_start]") {
  Scene scene;
  scene.parts.limits.global_max_clients = 1;
  scene.connect(scene.open(1));
  scene.packet.client_id = "d";
  CHECK(scene.connect(scene.open(2)) == nullptr);
  CHECK(scene.parts.commons.counts.sessions == 1);
}

TEST_CASE("a session whose time is over is not resumed, although no tick has come",
          "[session_start]") {
  Scene scene;
  scene.connect(scene.open(1));
  scene.parts.disconnects.end(*scene.parts.connections.find({1, 1}), broker::WillFate::publish, {});
  scene.pass(101);
  scene.connect(scene.open(2));
  CHECK_FALSE(scene.present);
  CHECK(scene.parts.metrics.clients_expired == 1);
}

TEST_CASE(
    "a will is stored with the mount point in front, and stopped by a return "
    "[MQTT-3.1.3-9]",
    "[session_start]") {
  Scene scene;
  scene.parts.options.listeners[0].mount_point = "m/";
  mqtt::Will will;
  will.topic = "w";
  will.delay_interval_seconds = 10;
  scene.packet.will = will;
  const Session* const session = scene.connect(scene.open(1));
  REQUIRE(session->will);
  CHECK(session->will->message->view().topic == "m/w");
  scene.parts.disconnects.end(*scene.parts.connections.find({1, 1}), broker::WillFate::publish, {});
  CHECK(session->away->will_delay.armed());
  scene.packet.will.reset();
  SECTION("in time") {
    CHECK(scene.connect(scene.open(2)) == session);
    CHECK(broker::sum_over(scene.parts.metrics.publish_sent) == 0);
  }
  SECTION("or it is published: it was due, although no tick has come") {
    test::ConnectedClient watcher(scene.parts, 3, Version::v5_0, "watcher");
    broker::Subscriber subscriber;
    subscriber.index = static_cast<std::uint32_t>(watcher.session.index);
    scene.parts.router.subscribe("m/w", subscriber);
    scene.pass(11);
    CHECK(scene.connect(scene.open(2)) == session);
    CHECK(watcher.output(scene.parts).size() == 1);
  }
  CHECK_FALSE(session->will);
}

TEST_CASE("the terms of the CONNECT and the promises of the listener hold", "[session_start]") {
  Scene scene;
  scene.packet.receive_maximum = 7;
  scene.packet.topic_alias_maximum = 100;
  scene.parts.options.listeners[0].max_topic_alias_broker = 5;
  scene.parts.options.listeners[0].max_qos = mqtt::Qos::at_least_once;
  Connection& connection = scene.open(1);
  scene.connect(connection);
  CHECK(connection.receive_maximum == 7);
  CHECK(connection.topic_alias_maximum_out == 5);
  CHECK(connection.promises.maximum_qos == mqtt::Qos::at_least_once);
  CHECK(connection.promises.maximum_packet_size_bytes == scene.parts.limits.max_packet_size_bytes);
}
