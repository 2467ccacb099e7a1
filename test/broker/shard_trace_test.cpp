#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/trace_sink.h"
#include "broker/shard_admin.h"
#include "test/broker/fixture.h"

using namespace std::string_literals;

namespace {

/// A trace of all clients.
class DecisionSink final : public broker::TraceSink {
 public:
  [[nodiscard]] bool follows(const Subject& /*subject*/) const override { return true; }
  void tell(const Subject& /*subject*/, std::string_view decision) override {
    told.emplace_back(decision);
  }
  void identified(broker::ConnectionId /*connection*/, std::string_view /*client_id*/) override {}
  [[nodiscard]] bool follows_topic(std::string_view /*topic*/) const override { return false; }
  void begin_publish(std::string_view /*topic*/) override {}
  void end_publish() override {}
  void tell_of_topic(std::string_view /*topic*/, const Subject& /*subject*/,
                     std::string_view /*decision*/) override {}
  /// The decision that a packet is refused; empty: there was none.
  [[nodiscard]] std::string refusal() const {
    for (const std::string& each : told) {
      if (each.contains("refused: ")) return each;
    }
    return "";
  }

  std::vector<std::string> told;
};

struct Traced {
  Traced() { broker.shard(0).admin().trace(&sink); }
  ~Traced() { broker.shard(0).admin().trace(nullptr); }
  Traced(const Traced&) = delete;
  Traced& operator=(const Traced&) = delete;

  test::Broker broker{1, [] {
                        broker::Limits limits;
                        limits.max_packet_size_bytes = 100;
                        return limits;
                      }()};
  DecisionSink sink;
};

std::string refusal_of(mqtt::Version version, std::string_view packet) {
  Traced traced;
  test::ConnectOptions options;
  options.version = version;
  const auto client = traced.broker.client("c", options);
  traced.broker.send(client, packet);
  return traced.sink.refusal();
}

}  // namespace

TEST_CASE("a trace names the statement that a packet breaks, of its version", "[shard][trace]") {
  struct Case {
    std::string packet;
    std::string v5_0;
    std::string v3_1_1;
  };
  const auto each = GENERATE(
      Case{"\x36\x06\0\1a\0\1\0"s, "Malformed Packet: QoS 3 [MQTT-3.3.1-4]",
           "Malformed Packet: QoS 3 [MQTT3-3.3.1-4]"},
      Case{"\x38\x04\0\1a\0"s, "Malformed Packet: DUP with QoS 0 [MQTT-3.3.1-2]",
           "Malformed Packet: DUP with QoS 0 [MQTT3-3.3.1-2]"},
      Case{"\x30\x04\0\1#\0"s, "Malformed Packet: wildcard in topic name [MQTT-4.7.0-1]",
           "Malformed Packet: wildcard in topic name [MQTT3-4.7.1-1]"},
      Case{"\x40\x02\0\0"s, "Protocol Error: packet identifier 0 [MQTT-2.2.1-5]",
           "Protocol Error: packet identifier 0 [MQTT3-2.3.1-6]"},
      Case{"\xC1\0"s, "Malformed Packet: bad flags for the packet type [MQTT-2.1.3-1]",
           "Malformed Packet: bad flags for the packet type [MQTT3-2.2.2-2]"},
      // Only 5.0 has a statement.
      Case{"\0\0"s, "Protocol Error: packet type 0 [section 2.1.2]",
           "Protocol Error: packet type 0"},
      Case{"\x30\x65\0"s, "Packet too large: packet too large [MQTT-3.2.2-15]",
           "Packet too large: packet too large"},
      // Neither has one.
      Case{"\xC0\1\0"s, "Malformed Packet: bytes left over", "Malformed Packet: bytes left over"});
  CAPTURE(each.v5_0);
  CHECK(refusal_of(mqtt::Version::v5_0, each.packet) == "refused: " + each.v5_0);
  CHECK(refusal_of(mqtt::Version::v3_1_1, each.packet) == "refused: " + each.v3_1_1);
}

TEST_CASE("a trace names the statement about subscriptions, aliases and reason codes",
          "[shard][trace]") {
  const auto [packet, wanted] = GENERATE(table<std::string, std::string>({
      {"\x82\x08\0\1\0\0\2a#\0"s, "wildcard beside other characters [MQTT-4.7.1-1]"},
      {"\x82\x08\0\1\0\0\2a+\0"s, "wildcard beside other characters [MQTT-4.7.1-2]"},
      {"\x82\x03\0\1\0"s, "no topic filter [MQTT-3.8.3-2]"},
      {"\xA2\x03\0\1\0"s, "no topic filter [MQTT-3.10.3-2]"},
      {"\x82\x07\0\1\0\0\1a\xC0"s, "reserved subscription options [MQTT-3.8.3-5]"},
      {"\x30\x07\0\1a\3\x23\xFF\xFF"s, "topic alias above Topic Alias Maximum [MQTT-3.3.2-9]"},
      {"\x50\x03\0\1\x7F"s, "reason code not allowed in this packet [MQTT-3.5.2-1]"},
      {"\xE0\x01\x8E"s, "reason code not allowed in this packet [MQTT-3.14.2-1]"},
      {"\xF0\x02\x18\0"s, "no authentication method [section 3.15.2.2.2]"},
  }));
  CHECK(refusal_of(mqtt::Version::v5_0, packet).ends_with(": " + wanted));
}

TEST_CASE("a trace names the statement that a CONNECT breaks", "[shard][trace]") {
  const auto [packet, wanted] = GENERATE(table<std::string, std::string>({
      {"\xC0\0"s, "refused: Protocol Error: the first packet is not CONNECT [MQTT3-3.1.0-1]"},
      {"\x10\x0E\0\4MQTT\5\1\0\0\0\0\1c"s,
       "CONNECT refused: Malformed Packet: reserved connect flag [MQTT-3.1.2-3]"},
      {"\x10\x0D\0\4MQTT\4\1\0\0\0\1c"s,
       "CONNECT refused: Malformed Packet: reserved connect flag [MQTT3-3.1.2-3]"},
  }));
  Traced traced;
  traced.broker.send(traced.broker.open(), packet);
  CHECK(traced.sink.refusal() == wanted);
}
