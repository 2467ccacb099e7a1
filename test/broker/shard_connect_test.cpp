#include <catch2/catch.hpp>

#include "test/broker/fixture.h"
#include "test/vectors/build.h"

using mqtt::Version;
using Strings = std::vector<std::string>;
using test::Broker;
using vectors::block;
using vectors::packet;
using vectors::text;
using vectors::u16;
using vectors::u8;

namespace {

test::ConnectOptions v311(bool clean = true) {
  test::ConnectOptions options;
  options.version = Version::v3_1_1;
  options.clean = clean;
  return options;
}

test::ConnectOptions with_expiry(std::uint32_t seconds, bool clean = true) {
  test::ConnectOptions options;
  options.clean = clean;
  options.session_expiry_seconds = seconds;
  return options;
}

/// SUBSCRIBE to "a", and a message for it.
const std::string subscribe_and_publish =
    test::subscribe("a", mqtt::PacketId{10}) + test::publish("a", "hello");

}  // namespace

TEST_CASE("the first packet must be CONNECT [MQTT-3.1.0-1]", "[shard][connect]") {
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.open();
  broker.send(client, test::pingreq());
  CHECK(broker.closed(client));
  CHECK(broker.received(client).empty());
}

TEST_CASE("a second CONNECT is a protocol error [MQTT-3.1.0-2]", "[shard][connect]") {
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.client("c");
  broker.received(client);
  broker.send(client, test::connect("c"));
  CHECK(broker.received(client) == Strings{"DISCONNECT 82"});
  CHECK(broker.closed(client));
}

TEST_CASE("a client that sends no CONNECT in time is closed [MQTT-3.1.4-1]", "[shard][connect]") {
  Broker broker;
  const auto client = broker.open();
  broker.send(client, test::connect("slow").substr(0, 9));
  broker.pass_milliseconds(29'000);
  CHECK_FALSE(broker.closed(client));
  broker.pass_milliseconds(2'000);
  CHECK(broker.closed(client));
}

TEST_CASE("an empty client id gets one that is at home where it is [MQTT-3.1.3-6] [MQTT-3.1.3-7]",
          "[shard][connect]") {
  Broker broker(4);
  for (int i = 0; i < 16; ++i) {
    const auto client = broker.client("");
    const Strings packets = broker.received(client);
    REQUIRE(packets.size() == 1);
    const std::size_t at = packets[0].find("18=auto-");
    REQUIRE(at != std::string::npos);
    const std::string id = packets[0].substr(at + 3, 41);
    CHECK(static_cast<std::uint32_t>(broker.shard(0).home_of(id)) == broker.shard_of(client));
    CHECK(broker.shard_of(client) == static_cast<std::uint32_t>(i) % 4);
  }
}

TEST_CASE("an empty client id without clean session is refused [MQTT3-3.1.3-8]",
          "[shard][connect]") {
  Broker broker;
  const auto client = broker.client("", v311(false));
  CHECK(broker.received(client) == Strings{"CONNACK 0 02"});
  CHECK(broker.closed(client));
}

TEST_CASE("max_keepalive: told in 5.0, refused or capped before", "[shard][connect]") {
  broker::Limits limits;
  limits.max_keepalive_seconds = 60;
  SECTION("5.0 is told the smaller value [MQTT-3.2.2-21]") {
    Broker broker(1, limits);
    test::ConnectOptions options;
    options.keep_alive_seconds = 0;
    const auto client = broker.client("c", options);
    CHECK(broker.received(client) == Strings{"CONNACK 0 00 {19=60 34=10 39=2000000}"});
    broker.pass_milliseconds(89'000);
    CHECK_FALSE(broker.closed(client));
    broker.pass_milliseconds(2'000);
    CHECK(broker.received(client) == Strings{"DISCONNECT 8D"});
  }
  SECTION("3.1.1 is refused") {
    Broker broker(1, limits);
    auto options = v311();
    options.keep_alive_seconds = 61;
    CHECK(broker.received(broker.client("c", options)) == Strings{"CONNACK 0 02"});
    CHECK(broker.log.contains("keep alive 61 exceeds max_keepalive 60; with max_keepalive_cap"));
    options.keep_alive_seconds = 0;
    CHECK(broker.received(broker.client("c", options)) == Strings{"CONNACK 0 02"});
    CHECK(broker.log.contains("keep alive 0 (none) exceeds max_keepalive 60;"));
  }
  SECTION("3.1.1 is capped silently") {
    limits.max_keepalive_cap = true;
    Broker broker(1, limits);
    auto options = v311();
    options.keep_alive_seconds = 3600;
    const auto client = broker.client("c", options);
    CHECK(broker.received(client) == Strings{"CONNACK 0 00"});
    broker.pass_milliseconds(92'000);
    CHECK(broker.closed(client));
  }
}

TEST_CASE("an unsupported version is refused with the level and the client in the log",
          "[shard][connect]") {
  Broker broker;
  const auto client = broker.open();
  broker.send(client,
              packet(0x10, text("MQTT") + u8(6) + u8(2) + u16(60) + block("") + text("future")));
  CHECK(broker.received(client).front().starts_with("CONNACK 0 84"));
  CHECK(
      broker.log.contains("10.0.0.1:4711 refused: unsupported protocol version 6, client id "
                          "'future'."));
}

TEST_CASE("a version that its listener does not accept is named with the option",
          "[shard][connect]") {
  auto policy = Broker::open_policy();
  policy.accept_v3_1_1 = false;
  Broker broker(1, {}, policy);
  CHECK(broker.received(broker.client("old", v311())) == Strings{"CONNACK 0 01"});
  CHECK(
      broker.log.contains("Client old [10.0.0.1:4711] refused: MQTT 3.1.1 is not among "
                          "accept_protocol_versions of its listener."));
}

TEST_CASE("a will that cannot be taken is answered as at Mosquitto", "[shard][connect]") {
  broker::Limits limits;
  limits.message_size_limit_bytes = 3;
  limits.retain_available = false;
  Broker broker(1, limits);
  auto old = v311();
  old.will_topic = "w";
  test::ConnectOptions fresh;
  fresh.will_topic = "w";
  SECTION("too large: not authorized before 5.0") {
    CHECK(broker.received(broker.client("c", old)) == Strings{"CONNACK 0 05"});
    CHECK(broker.received(broker.client("c", fresh)).front().starts_with("CONNACK 0 95"));
  }
  SECTION("retained where that is off: nothing before 5.0") {
    old.will_payload = fresh.will_payload = "w";
    old.will_retain = fresh.will_retain = true;
    CHECK(broker.received(broker.client("c", old)).empty());
    CHECK(broker.received(broker.client("c", fresh)).front().starts_with("CONNACK 0 9A"));
  }
  SECTION("with a wildcard: nothing before 5.0") {
    old.will_payload = fresh.will_payload = "w";
    old.will_topic = fresh.will_topic = "w/#";
    const auto client = broker.client("c", old);
    CHECK(broker.received(client).empty());
    CHECK(broker.closed(client));
    CHECK(broker.received(broker.client("c", fresh)).front().starts_with("CONNACK 0 81"));
  }
}

TEST_CASE("an empty will topic is a protocol error, without an answer before 5.0",
          "[shard][connect]") {
  Broker broker;
  const auto with_will = [&](unsigned level, const std::string& properties) {
    const auto client = broker.open();
    broker.send(client, packet(0x10, text("MQTT") + u8(level) + u8(6) + u16(60) + properties +
                                         text("c") + properties + text("") + text("gone")));
    CHECK(broker.closed(client));
    return broker.received(client);
  };
  CHECK(with_will(4, "").empty());
  CHECK(with_will(5, std::string(1, '\0')).front().starts_with("CONNACK 0 82"));
}

TEST_CASE("a packet too large is logged with size, limit, option and user", "[shard][connect]") {
  broker::Limits limits;
  limits.max_packet_size_bytes = 100;
  Broker broker(1, limits);
  auto options = v311();
  options.user_name = "alice";
  const auto client = broker.client("big", options);
  broker.received(client);
  broker.publish(client, "t", std::string(200, 'x'));
  CHECK(broker.closed(client));
  CHECK(
      broker.log.contains("Client big [10.0.0.1:4711] with user 'alice' disconnected: packet too "
                          "large: 206 bytes, max_packet_size is 100."));
}

TEST_CASE("3.1 clients may send PUBREL, SUBSCRIBE and UNSUBSCRIBE with DUP", "[shard][connect]") {
  Broker broker;
  test::ConnectOptions options;
  options.version = Version::v3_1;
  const auto client = broker.client("old", options);
  broker.received(client);
  broker.send(client, packet(0x8A, u16(1) + text("a") + u8(0)));
  broker.send(client, packet(0xAA, u16(2) + text("a")));
  broker.publish(client, "b", "x", {.qos = 2, .packet_id = 3});
  broker.send(client, packet(0x6A, u16(3)));
  CHECK(broker.received(client) ==
        Strings{"SUBACK m1 00", "UNSUBACK m2", "PUBREC m3", "PUBCOMP m3"});
}

TEST_CASE("keep alive counts from the last packet [MQTT-3.1.2-22]", "[shard][connect]") {
  Broker broker(GENERATE(1U, 4U));
  test::ConnectOptions options;
  options.keep_alive_seconds = 2;
  const auto client = broker.client("c", options);
  for (int i = 0; i < 5; ++i) {
    broker.pass_milliseconds(2'500);
    broker.send(client, test::pingreq());
  }
  CHECK_FALSE(broker.closed(client));
  broker.pass_milliseconds(2'900);
  CHECK_FALSE(broker.closed(client));
  broker.pass_milliseconds(400);
  CHECK(broker.closed(client));
}

TEST_CASE("a client id that connects again takes over [MQTT-3.1.4-3]", "[shard][connect]") {
  Broker broker(GENERATE(1U, 4U));
  const auto first = broker.client("same", with_expiry(100, false));
  broker.subscribe(first, "t", {.qos = 1});
  broker.received(first);
  const auto second = broker.client("same", with_expiry(100, false));
  CHECK(broker.received(first) == Strings{"DISCONNECT 8E"});
  CHECK(broker.closed(first));
  CHECK(broker.received(second) == Strings{"CONNACK 1 00 {34=10 39=2000000}"});
  CHECK(
      broker.log.contains("Client same already connected, closing old connection from "
                          "10.0.0.1:4711; the new one is from 10.0.0.1:4711."));
  broker.publish(second, "t", "still subscribed");
  CHECK(broker.publishes(second) == Strings{"PUBLISH q0 r0 d0 m0 t still subscribed"});
}

TEST_CASE("clean start discards the session [MQTT-3.1.2-4]", "[shard][connect]") {
  Broker broker(GENERATE(1U, 4U));
  const auto first = broker.client("c", v311(false));
  broker.subscribe(first, "t");
  broker.disconnect(first);
  CHECK(broker.metrics().subscriptions == 1);
  const auto second = broker.client("c", v311(true));
  CHECK(broker.received(second) == Strings{"CONNACK 0 00"});
  CHECK(broker.metrics().subscriptions == 0);
}

TEST_CASE("a session outlives its connection as long as it said [MQTT-3.1.2-23]",
          "[shard][connect]") {
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.client("c", with_expiry(10));
  broker.subscribe(client, "t");
  broker.disconnect(client);
  broker.pass_milliseconds(9'000);
  CHECK(broker.metrics().sessions == 1);
  broker.pass_milliseconds(1'500);
  CHECK(broker.metrics().sessions == 0);
  CHECK(broker.metrics().subscriptions == 0);
}

TEST_CASE("a client counts once, also if its home is another shard", "[shard][connect]") {
  Broker broker(GENERATE(1U, 4U));
  broker.feed = GENERATE(test::Feed::whole, test::Feed::bytes);
  std::size_t size_bytes = 0;
  for (int i = 0; i < 20; ++i) {
    const std::string id = "client" + std::to_string(i);
    const std::string packets = test::connect(id, with_expiry(10)) + test::pingreq();
    size_bytes += packets.size();
    broker.send(broker.open(), packets);
  }
  const broker::Metrics all = broker.metrics();
  CHECK(all.sockets_opened == 20);
  CHECK(all.connections == 20);
  CHECK(all.messages_received == 2 * 20);
  CHECK(all.bytes_received == size_bytes);
}

TEST_CASE("DISCONNECT may change the session expiry interval, not raise it from zero",
          "[shard][connect]") {
  Broker broker;
  const auto kept = broker.client("kept", with_expiry(10));
  broker.disconnect(kept, {.session_expiry_interval_seconds = 100});
  broker.pass_milliseconds(50'000);
  CHECK(broker.metrics().sessions == 1);
  const auto never = broker.client("never");
  broker.received(never);
  broker.disconnect(never, {.session_expiry_interval_seconds = 1});
  CHECK(broker.received(never) == Strings{"DISCONNECT 82"});
}

TEST_CASE("global_max_clients counts sessions of all shards", "[shard][connect]") {
  broker::Limits limits;
  limits.global_max_clients = 2;
  Broker broker(GENERATE(1U, 4U), limits);
  broker.client("a");
  const auto b = broker.client("b");
  const auto refused = broker.client("c", v311());
  CHECK(broker.received(refused).empty());  // Mosquitto has no answer before 5.0
  CHECK(broker.closed(refused));
  CHECK(broker.received(broker.client("c")).front().starts_with("CONNACK 0 89"));
  broker.disconnect(b);
  CHECK(broker.received(broker.client("c", v311())) == Strings{"CONNACK 0 00"});
}

TEST_CASE("a login is asked for, and what came behind CONNECT waits for it", "[shard][connect]") {
  broker::ListenerPolicy policy;
  Broker broker(GENERATE(1U, 4U), {}, policy);
  broker.feed = GENERATE(test::Feed::whole, test::Feed::bytes);
  broker.verdicts["mallory"] = mqtt::Reason::not_authorized;
  test::ConnectOptions options;
  options.user_name = "alice";
  options.password = "secret";
  const auto alice = broker.open();
  broker.send(alice, test::connect("alice", options) + subscribe_and_publish);
  CHECK(broker.received(alice) ==
        Strings{"CONNACK 0 00 {34=10 39=2000000}", "SUBACK m10 00", "PUBLISH q0 r0 d0 m0 a hello"});
  options.user_name = "mallory";
  const auto mallory = broker.client("mallory", options);
  CHECK(broker.received(mallory).front().starts_with("CONNACK 0 87"));
  CHECK(broker.closed(mallory));
  CHECK(broker.log.contains("Client mallory [10.0.0.1:4711] with user 'mallory'"));
}

TEST_CASE("wherever a stream is cut, nothing is lost on the way to the home shard",
          "[shard][connect]") {
  const std::string stream = test::connect("mover") + subscribe_and_publish;
  for (std::size_t cut = 1; cut < stream.size(); ++cut) {
    Broker broker(4);
    for (int i = 0; i < 4; ++i) {  // on each shard once: at home on one of them
      CAPTURE(cut, i);
      const auto client = broker.open();
      broker.send(client, std::string_view(stream).substr(0, cut));
      broker.send(client, std::string_view(stream).substr(cut));
      CHECK(broker.publishes(client) == Strings{"PUBLISH q0 r0 d0 m0 a hello"});
      broker.lose(client);
    }
  }
}

TEST_CASE("AUTH and an authentication method are refused properly [MQTT-4.12.0-1]",
          "[shard][connect]") {
  Broker broker;
  test::ConnectOptions options;
  options.authentication_method = "SCRAM";
  const auto asked = broker.client("c", options);
  CHECK(broker.received(asked).front().starts_with("CONNACK 0 8C"));
  const auto client = broker.client("c");
  broker.received(client);
  broker.send(client, test::encoded(mqtt::Auth{.reason = mqtt::Reason::re_authenticate,
                                               .authentication_method = "SCRAM"}));
  CHECK(broker.received(client) == Strings{"DISCONNECT 82"});
}

TEST_CASE("a reason string that would be too large is left out [MQTT-3.2.2-19] [MQTT-3.14.2-3]",
          "[shard][connect]") {
  Broker broker;
  test::ConnectOptions small;
  small.packet_bytes_max = 20;
  test::ConnectOptions with_method = small;
  with_method.authentication_method = "SCRAM";
  const auto refused = broker.client("c", with_method);
  CHECK(broker.received(refused) == Strings{"CONNACK 0 8C"});
  const auto client = broker.client("c", small);
  broker.received(client);
  broker.send(client, test::connect("c"));
  CHECK(broker.received(client) == Strings{"DISCONNECT 82"});
}

TEST_CASE("what no return code fits is closed without CONNACK [MQTT3-3.2.2-6]",
          "[shard][connect]") {
  Broker broker;
  const auto client = broker.open();
  broker.send(client, packet(0x10, text("QTTM") + u8(4) + u8(2) + u16(0) + text("c")));
  CHECK(broker.received(client).empty());
  CHECK(broker.closed(client));
}

TEST_CASE("who is turned away and says nothing is closed when his own time is over", "[connect]") {
  Broker broker;
  const auto patient = broker.open();  // has until Limits::connect_timeout_seconds
  broker.refusal = mqtt::Reason::quota_exceeded;
  broker.deadline = broker::after_seconds(broker.now, 5);
  const auto silent = broker.open();
  const auto speaks = broker.client("speaks");
  CHECK(broker.closed(speaks));
  broker.pass_milliseconds(4800);
  CHECK_FALSE(broker.closed(silent));
  broker.pass_milliseconds(300);
  CHECK(broker.closed(silent));
  CHECK_FALSE(broker.closed(patient));
}
