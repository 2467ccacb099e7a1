#include "broker/core/sender.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "test/core/sent.h"

using broker::DropReason;
using broker::Instant;
using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Qos;

namespace {

constexpr std::uint64_t hash_key[2] = {1, 2};

class Nothing final : public broker::Permissions {
 public:
  [[nodiscard]] bool allows(broker::Access /*access*/, std::string_view /*topic*/,
                            const broker::Identity& /*who*/) const override {
    return false;
  }
};

/// One client with a session that lasts, and all that brings messages to it.
struct Scene {
  Scene() {
    session.expiry_interval_seconds = 60;
    connection.version = mqtt::Version::v5_0;
    connection.stage = broker::Connection::Stage::connected;
    connection.session = &session;
    session.connection = &connection;
  }

  void deliver(std::string_view topic, Qos qos, std::string_view payload = "1") {
    broker::Publication publication({topic, mqtt::as_bytes(payload), {}, qos, false, {}}, now, 1);
    broker::Terms terms;
    terms.qos = qos;
    sender.deliver(session, terms, publication);
  }
  [[nodiscard]] bool acknowledge(PacketType type, std::uint16_t id) {
    mqtt::Ack ack;
    ack.type = type;
    ack.packet_id = PacketId{id};
    return sender.acknowledged(session, ack, now);
  }
  void go_away() {
    sender.leave(session);
    session.connection = nullptr;
  }
  void come_back() {
    session.connection = &connection;
    sender.resume(session, now);
  }
  std::string sent() { return test::take_sent(outbox, connection); }
  std::uint64_t dropped(DropReason reason) const {
    return metrics.dropped[static_cast<std::size_t>(reason)];
  }

  test::Silence log;
  broker::Limits limits;
  std::vector<broker::ListenerPolicy> listeners = std::vector<broker::ListenerPolicy>(1);
  broker::Metrics metrics;
  broker::Outbox outbox;
  broker::Ledger ledger{broker::Durability::none, broker::ShardIndex{0}, 1};
  broker::Holdings holdings{outbox, 1};
  broker::DropLog drops{metrics, log};
  broker::BlockedLog blocked{metrics, log};
  broker::DenialLog denials{metrics, log};
  broker::Sender sender{limits,  listeners, outbox,  ledger,  holdings,
                        metrics, drops,     blocked, denials, log};
  broker::SessionTable sessions{hash_key};
  broker::Session& session{sessions.create("c")};
  broker::Connection connection{{0, 1}, 0};
  Instant now{1'000'000};
};

}  // namespace

TEST_CASE("messages wait behind a full window, and leave in order [MQTT-3.3.4-9] [MQTT-4.6.0-5]",
          "[sender]") {
  Scene scene;
  scene.connection.receive_maximum = 2;
  for (const char* const topic : {"a", "b", "c", "d"}) scene.deliver(topic, Qos::at_least_once);
  scene.deliver("e", Qos::at_most_once);  // has no quota
  CHECK(scene.sent() == "a=1/1#1 b=1/1#2 e=1 ");
  CHECK(scene.acknowledge(PacketType::puback, 1));
  CHECK(scene.sent() == "c=1/1#3 ");
  CHECK(scene.acknowledge(PacketType::puback, 3));
  CHECK(scene.sent() == "d=1/1#4 ");
}

TEST_CASE("QoS 2 keeps its place in the window until PUBCOMP [MQTT-4.3.3-3]", "[sender]") {
  Scene scene;
  scene.connection.receive_maximum = 1;
  scene.deliver("a", Qos::exactly_once);
  scene.deliver("b", Qos::exactly_once);
  CHECK(scene.sent() == "a=1/2#1 ");
  CHECK(scene.acknowledge(PacketType::pubrec, 1));
  CHECK(scene.sent() == "PUBREL#1 ");
  CHECK(scene.acknowledge(PacketType::pubcomp, 1));
  CHECK(scene.sent() == "b=1/2#2 ");
}

TEST_CASE("an acknowledgement of the wrong kind is an error, one for nothing in flight is none",
          "[sender]") {
  Scene scene;
  scene.deliver("a", Qos::at_least_once);
  scene.deliver("b", Qos::exactly_once);
  CHECK_FALSE(scene.acknowledge(PacketType::pubrec, 1));
  CHECK_FALSE(scene.acknowledge(PacketType::puback, 2));
  CHECK_FALSE(scene.acknowledge(PacketType::pubcomp, 2));
  CHECK(scene.acknowledge(PacketType::puback, 77));
}

TEST_CASE("a client that is back gets what is in flight again, then the backlog [MQTT-4.4.0-1]",
          "[sender]") {
  Scene scene;
  scene.deliver("a", Qos::at_least_once);
  scene.deliver("b", Qos::exactly_once);
  CHECK(scene.acknowledge(PacketType::pubrec, 2));
  static_cast<void>(scene.sent());
  scene.go_away();
  scene.deliver("c", Qos::at_least_once);
  CHECK(scene.sent().empty());
  scene.come_back();
  CHECK(scene.sent() == "a=1/1#1+ PUBREL#2 c=1/1#3 ");
}

TEST_CASE("QoS 0 waits for a socket that is behind, and leaves when it is not", "[sender]") {
  Scene scene;
  scene.connection.congested = true;
  scene.connection.queued_bytes = 1'000'000;
  scene.deliver("a", Qos::at_most_once);
  scene.deliver("b", Qos::at_most_once);
  CHECK(scene.sent().empty());
  scene.connection.queued_bytes = 0;
  scene.sender.pump(scene.session, scene.now);
  CHECK(scene.sent() == "a=1 b=1 ");
  CHECK_FALSE(scene.connection.congested);
}

TEST_CASE("near the memory limit QoS 0 that would have to wait is dropped", "[sender]") {
  Scene scene;
  scene.sender.spare_memory(true);
  scene.connection.congested = true;
  scene.connection.queued_bytes = 1'000'000;
  scene.deliver("a", Qos::at_most_once);
  CHECK(scene.dropped(DropReason::memory_limit) == 1);
}

TEST_CASE("a message that waited leaves only if its client may read it then", "[sender]") {
  Scene scene;
  scene.deliver("a", Qos::at_least_once);
  static_cast<void>(scene.sent());
  scene.go_away();
  scene.deliver("b", Qos::at_least_once);
  scene.session.permissions = std::make_shared<Nothing>();
  scene.come_back();
  CHECK(scene.sent().empty());
  CHECK(scene.metrics.denied[static_cast<std::size_t>(broker::Denial::receive)] == 2);
  CHECK(scene.session.outgoing->empty());
}

TEST_CASE("the QoS of a delivery is the lower of two, unless the subscription's is asked for",
          "[sender]") {
  Scene scene;
  CHECK(scene.sender.outgoing_qos(Qos::exactly_once, Qos::at_least_once) == Qos::at_least_once);
  CHECK(scene.sender.outgoing_qos(Qos::at_most_once, Qos::exactly_once) == Qos::at_most_once);
  scene.limits.upgrade_outgoing_qos = true;
  CHECK(scene.sender.outgoing_qos(Qos::at_most_once, Qos::exactly_once) == Qos::exactly_once);
}
