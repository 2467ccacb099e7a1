#include "broker/time_limits.h"

#include <catch2/catch.hpp>

#include "test/broker/parts.h"

namespace {

using broker::Connection;
using broker::Instant;
using mqtt::Version;

/// A connection that is new, and a client with a keep alive of 10 seconds.
struct Scene {
  Scene() {
    parts.turn.enter(Instant{1'000'000});
    parts.limits.connect_timeout_seconds = 30;
    client.connection.last_received = parts.turn.now();
    client.connection.keep_alive_seconds = 10;
    fresh.address = "192.0.2.1";
  }
  void pass(std::int64_t seconds) {
    for (std::int64_t i = 0; i < seconds * 10; ++i) {
      parts.turn.enter(broker::after_milliseconds(parts.turn.now(), 100));
      parts.reading.tick(parts.turn.now());
      parts.timers.advance(parts.turn.now(), [this](broker::Timer& timer) {
        limits.passed(*static_cast<Connection*>(timer.owner()));
      });
    }
  }
  [[nodiscard]] bool gone(broker::ConnectionId id) const {
    return parts.connections.find(id) == nullptr;
  }

  test::Parts parts{broker::Durability::none};
  test::ConnectedClient client{parts, 1, Version::v5_0};
  Connection& fresh = parts.connections.open({2, 1}, broker::connection_timer, Instant{1'000'000});
  broker::TimeLimits& limits = parts.time_limits;
};

constexpr auto handshake_timeout = static_cast<std::size_t>(broker::Refusal::handshake_timeout);

}  // namespace

TEST_CASE("a connection without CONNECT ends when its time is over", "[time_limits]") {
  Scene scene;
  scene.limits.expect_connect(scene.fresh, {});
  scene.pass(29);
  CHECK_FALSE(scene.gone({2, 1}));
  scene.pass(2);
  CHECK(scene.gone({2, 1}));
  CHECK(scene.parts.metrics.refused[handshake_timeout] == 1);
  CHECK(scene.parts.lines.contains("192.0.2.1 did not send CONNECT in time."));
}

TEST_CASE("a deadline that a connection brings along counts", "[time_limits]") {
  Scene scene;
  scene.limits.expect_connect(scene.fresh, broker::after_seconds(scene.parts.turn.now(), 3));
  scene.pass(4);
  CHECK(scene.gone({2, 1}));
}

TEST_CASE("a client that waits for the verdict on its login is not late", "[time_limits]") {
  Scene scene;
  scene.limits.expect_connect(scene.fresh, {});
  scene.fresh.stage = Connection::Stage::awaiting_verdict;
  scene.pass(100);
  CHECK_FALSE(scene.gone({2, 1}));
}

TEST_CASE("a client that is silent for too long is disconnected [MQTT-3.1.2-22]", "[time_limits]") {
  Scene scene;
  scene.limits.begin_keep_alive(scene.client.connection);
  scene.pass(14);
  CHECK_FALSE(scene.gone({1, 1}));
  scene.client.connection.last_received = scene.parts.turn.now();
  scene.pass(14);
  CHECK_FALSE(scene.gone({1, 1}));
  scene.pass(2);
  CHECK(scene.gone({1, 1}));
  CHECK(scene.parts.lines.contains("has exceeded timeout, disconnecting."));
}

TEST_CASE("a client without keep alive may be silent", "[time_limits]") {
  Scene scene;
  scene.limits.expect_connect(scene.fresh, {});
  scene.fresh.stage = Connection::Stage::connected;
  scene.limits.begin_keep_alive(scene.fresh);
  scene.pass(100);
  CHECK_FALSE(scene.gone({2, 1}));
}

TEST_CASE("a new time for CONNECT holds for those who wait already, but for refused ones",
          "[time_limits]") {
  Scene scene;
  Connection& refused = scene.parts.connections.open({3, 1}, broker::connection_timer, {});
  refused.refusal = mqtt::Reason::server_busy;
  scene.limits.expect_connect(scene.fresh, {});
  scene.limits.expect_connect(refused, {});
  scene.limits.move_connect_deadlines(-20);
  scene.pass(11);
  CHECK(scene.gone({2, 1}));
  CHECK_FALSE(scene.gone({3, 1}));
}
