#include "broker/core/blocked_log.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/connection.h"
#include "broker/core/connection_table.h"

namespace {

using broker::Instant;
using broker::Session;
using mqtt::PacketId;
using Strings = std::vector<std::string>;

constexpr std::uint64_t hash_key[2] = {1, 2};
constexpr std::uint8_t any_timer = 0;

class Lines final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType type) const noexcept override {
    return type == broker::LogType::notice;
  }
  void write(broker::LogType /*type*/, std::string_view line) override { all.emplace_back(line); }
  [[nodiscard]] Strings take() { return std::exchange(all, {}); }

  Strings all;
};

broker::Delivery delivery() {
  broker::Delivery one;
  one.message = broker::MessageRef::copy_of(
      {"room/7", mqtt::as_bytes("x"), {}, mqtt::Qos::exactly_once, false, {}});
  one.qos = mqtt::Qos::exactly_once;
  return one;
}

/// A connected client with one message in flight, and one behind it.
struct Scene {
  Scene() {
    session.connection = &connection;
    connection.session = &session;
    connection.address = "192.0.2.7";
    connection.client_port = 4000;
    session.outgoing_part().put_in_flight(delivery());
    session.outgoing->push_backlog(delivery());
  }
  /// Looks after so many seconds.
  void look(std::int64_t seconds) {
    now = after_seconds(now, seconds);
    log.tell(sessions, now);
  }

  broker::Metrics metrics;
  Lines lines;
  broker::SessionTable sessions{hash_key};
  broker::ConnectionTable connections{metrics};
  broker::BlockedLog log{metrics, lines};
  Instant now{1'000'000};
  Session& session = sessions.create("slow");
  broker::Connection& connection = connections.open({1, 1}, any_timer, now);
};

}  // namespace

TEST_CASE("the packet that blocks a window is its oldest, if others wait", "[blocked_log]") {
  Scene scene;
  Session& session = scene.session;
  CHECK(broker::blocking_packet_text(session) ==
        "packet 1 (QoS 2, topic 'room/7') is not acknowledged");
  session.outgoing->window().received(*session.outgoing->window().find(PacketId{1}));
  CHECK(broker::blocking_packet_text(session) ==
        "packet 1 (QoS 2): its PUBREL is not acknowledged");
  session.outgoing->send_front();
  CHECK(broker::blocking_packet_text(session).empty());  // nothing waits
}

TEST_CASE("a client that blocks its window for a minute is named once for a packet",
          "[blocked_log]") {
  Scene scene;
  scene.log.note(scene.session, scene.now);
  scene.log.note(scene.session, scene.now);
  scene.look(50);
  CHECK(scene.lines.take().empty());
  CHECK(scene.metrics.clients_blocked == 0);
  scene.look(10);
  const Strings lines = scene.lines.take();
  REQUIRE(lines.size() == 1);
  CHECK(lines[0].find("keeps 1 messages waiting: packet 1 (QoS 2, topic 'room/7') is not "
                      "acknowledged for 60 seconds; 1 are in flight.") != std::string::npos);
  CHECK(scene.metrics.clients_blocked == 1);
  scene.look(10);
  CHECK(scene.lines.take().empty());
  CHECK(scene.metrics.clients_blocked == 1);
}

TEST_CASE("the minute begins anew with the next packet, and ends with the wait", "[blocked_log]") {
  Scene scene;
  scene.log.note(scene.session, scene.now);
  scene.look(50);
  scene.session.outgoing->window().finish(PacketId{1});
  scene.session.outgoing->send_front();
  scene.session.outgoing->push_backlog(delivery());
  scene.look(10);
  CHECK(scene.metrics.clients_blocked == 0);
  scene.session.outgoing->window().finish(PacketId{2});
  scene.session.outgoing->send_front();
  scene.look(10);
  CHECK_FALSE(scene.session.outgoing->window_watched);
  CHECK(scene.lines.take().empty());
}
