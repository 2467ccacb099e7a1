#include <catch2/catch.hpp>

#include "test/client/fixture.h"
#include "test/vectors/build.h"

using client::Accepted;
using mqtt::Version;
using test::Talk;
using vectors::u16;
using vectors::u32;
using vectors::u8;
using Strings = std::vector<std::string>;

namespace {

client::Options lasting(Version version = Version::v5_0) {
  client::Options options;
  options.version = version;
  options.client_id = "c";
  options.clean_start = false;
  options.session_expiry_interval_seconds = 1000;
  return options;
}

}  // namespace

TEST_CASE("QoS 0, 1 and 2 are published and acknowledged", "[client]") {
  Talk talk(lasting(GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0)));
  talk.pieces = GENERATE(test::Pieces::whole, test::Pieces::bytes);
  talk.connect();
  CHECK(talk.publish("a", "0", 0, 10) == Accepted::accepted);
  CHECK(talk.publish("a", "1", 1, 11) == Accepted::accepted);
  CHECK(talk.publish("a", "2", 2, 12) == Accepted::accepted);
  CHECK(talk.sent() ==
        Strings{"PUBLISH q0 r0 d0 m0 a 0", "PUBLISH q1 r0 d0 m1 a 1", "PUBLISH q2 r0 d0 m2 a 2"});
  talk.hear(Talk::ack(0x40, 1) + Talk::ack(0x50, 2));
  CHECK(talk.sent() == Strings{"PUBREL m2"});
  CHECK(talk.events() == Strings{"acknowledged 11 00"});
  CHECK(talk.client.in_flight() == 1);
  talk.hear(Talk::ack(0x70, 2));
  CHECK(talk.events() == Strings{"acknowledged 12 00"});
  CHECK(talk.client.in_flight() == 0);
}

TEST_CASE("an acknowledgement with an error ends a publication [MQTT-4.3.3-4]", "[client]") {
  Talk talk(lasting());
  talk.connect();
  CHECK(talk.publish("a", "1", 1, 1) == Accepted::accepted);
  CHECK(talk.publish("a", "2", 2, 2) == Accepted::accepted);
  talk.sent();
  talk.hear(Talk::ack(0x40, 1, 0x87) + Talk::ack(0x50, 2, 0x97));
  CHECK(talk.events() == Strings{"acknowledged 1 87", "acknowledged 2 97"});
  CHECK(talk.sent().empty());
  CHECK(talk.client.in_flight() == 0);
}

TEST_CASE("what was not acknowledged is sent again, in order [MQTT-4.4.0-1] [MQTT-4.6.0-1]",
          "[client]") {
  Talk talk(lasting(GENERATE(Version::v3_1_1, Version::v5_0)));
  talk.connect();
  for (unsigned i = 1; i <= 5; ++i) {
    CHECK(talk.publish("a", std::to_string(i), i % 2 + 1, i) == Accepted::accepted);
  }
  // 1, 3 and 5 have QoS 2: PUBREC comes for 3 before it comes for 1.
  talk.hear(Talk::ack(0x50, 3) + Talk::ack(0x50, 1));
  talk.sent();
  talk.lose();
  CHECK(talk.publish("a", "6", 0) == Accepted::not_connected);
  talk.open();
  talk.sent();
  SECTION("with DUP to a server that has the session") {
    talk.hear(talk.connack({}, true));
    CHECK(talk.sent() == Strings{"PUBREL m3", "PUBREL m1", "PUBLISH q1 r0 d1 m2 a 2",
                                 "PUBLISH q1 r0 d1 m4 a 4", "PUBLISH q2 r0 d1 m5 a 5"});
    talk.events();
    talk.hear(Talk::ack(0x70, 1) + Talk::ack(0x70, 3, talk.version == Version::v5_0 ? 0x92 : -1) +
              Talk::ack(0x40, 2));
    CHECK(talk.events() == Strings{"acknowledged 1 00", "acknowledged 3 00", "acknowledged 2 00"});
  }
  SECTION("as new ones to one that has not") {
    talk.hear(talk.connack());
    CHECK(talk.sent() ==
          Strings{"PUBLISH q1 r0 d0 m2 a 2", "PUBLISH q1 r0 d0 m4 a 4", "PUBLISH q2 r0 d0 m5 a 5"});
    CHECK(talk.events() == Strings{"disconnected: closed 00", "connected, session lost",
                                   "acknowledged 3 00", "acknowledged 1 00"});
    talk.lose();
    talk.open();
    talk.sent();
    talk.hear(talk.connack({}, true));
    CHECK(talk.sent() ==
          Strings{"PUBLISH q1 r0 d1 m2 a 2", "PUBLISH q1 r0 d1 m4 a 4", "PUBLISH q2 r0 d1 m5 a 5"});
  }
}

TEST_CASE("what is sent again keeps to the new server's terms", "[client]") {
  Talk talk(lasting());
  talk.connect();
  CHECK(talk.publish("a", "1", 1, 1) == Accepted::accepted);
  CHECK(talk.publish("a", std::string(50, 'x'), 1, 2) == Accepted::accepted);
  CHECK(talk.publish("a", "3", 2, 3) == Accepted::accepted);
  CHECK(talk.publish("a", "4", 1, 4) == Accepted::accepted);
  CHECK(talk.publish("a", "5", 1, 5) == Accepted::accepted);
  talk.lose();
  talk.open();
  talk.sent();
  talk.events();
  // At most two at a time, of 30 bytes, and no QoS 2.
  talk.hear(talk.connack(u8(0x21) + u16(2) + u8(0x27) + u32(30) + u8(0x24) + u8(1), true));
  CHECK(talk.events() == Strings{"connected to the session", "dropped 2 95", "dropped 3 9B"});
  CHECK(talk.sent() == Strings{"PUBLISH q1 r0 d1 m1 a 1", "PUBLISH q1 r0 d1 m4 a 4"});
  CHECK_FALSE(talk.client.has_room(mqtt::Qos::at_most_once));
  CHECK(talk.publish("a", "6", 0) == Accepted::no_room);
  talk.hear(Talk::ack(0x40, 1));
  CHECK(talk.sent() == Strings{"PUBLISH q1 r0 d1 m5 a 5"});
  CHECK(talk.events() == Strings{"acknowledged 1 00", "room"});
}

TEST_CASE("a caller may name packet identifiers", "[client]") {
  Talk talk(lasting());
  talk.connect();
  CHECK(talk.publish("a", "x", 1, 1, 1) == Accepted::accepted);
  CHECK(talk.publish("a", "y", 2, 2, 1) == Accepted::id_in_use);
  CHECK(talk.publish("a", "y", 2, 2, 900) == Accepted::accepted);
  // One that the client takes itself is another.
  CHECK(talk.publish("a", "z", 1, 3) == Accepted::accepted);
  CHECK(talk.sent() ==
        Strings{"PUBLISH q1 r0 d0 m1 a x", "PUBLISH q2 r0 d0 m900 a y", "PUBLISH q1 r0 d0 m2 a z"});
}

TEST_CASE("the client's own limits push back, and Room says when they do not", "[client]") {
  client::Options options = lasting();
  options.inflight_max = 2;
  options.output_bytes_max = 100;
  Talk talk(options);
  talk.connect();
  CHECK(talk.publish("a", "1", 1, 1) == Accepted::accepted);
  CHECK(talk.publish("a", "2", 2, 2) == Accepted::accepted);
  CHECK(talk.publish("a", "3", 1, 3) == Accepted::no_room);
  talk.hear(Talk::ack(0x50, 2));
  CHECK(talk.events().empty());
  talk.hear(Talk::ack(0x70, 2));
  CHECK(talk.events() == Strings{"acknowledged 2 00", "room"});
  // The caller's socket takes nothing.
  const std::string payload(150, 'x');
  const client::Publication large{.topic = "a", .payload = mqtt::as_bytes(payload)};
  CHECK(talk.client.publish(large, {}, talk.now) == Accepted::accepted);
  CHECK(talk.client.publish(large, {}, talk.now) == Accepted::no_room);
  CHECK_FALSE(talk.client.wants_input());
  CHECK_FALSE(talk.client.next(talk.now));
  talk.client.output().clear();
  talk.run();
  CHECK(talk.events() == Strings{"room"});
  CHECK(talk.client.wants_input());
}

TEST_CASE("topics that are used often have aliases, as many as both sides allow", "[client]") {
  client::Options options = lasting();
  options.topic_alias_out_max = 9;
  Talk talk(options);
  talk.connect(u8(0x22) + u16(2));
  const auto publish = [&](std::string_view topic) {
    CHECK(talk.publish(topic, "x", 0) == Accepted::accepted);
  };
  for (const auto* topic :
       {"topic/1", "topic/2", "topic/1", "topic/3", "topic/1", "topic/2", "t"}) {
    publish(topic);
  }
  CHECK(talk.sent() == Strings{"PUBLISH q0 r0 d0 m0 topic/1~1 x", "PUBLISH q0 r0 d0 m0 topic/2~2 x",
                               "PUBLISH q0 r0 d0 m0 ~1 x", "PUBLISH q0 r0 d0 m0 topic/3~2 x",
                               "PUBLISH q0 r0 d0 m0 ~1 x", "PUBLISH q0 r0 d0 m0 topic/2~2 x",
                               "PUBLISH q0 r0 d0 m0 t x"});
  // A new connection begins anew [MQTT-3.3.2-7].
  CHECK(talk.publish("topic/1", "y", 1) == Accepted::accepted);
  CHECK(talk.sent() == Strings{"PUBLISH q1 r0 d0 m1 ~1 y"});
  talk.lose();
  talk.open();
  talk.sent();
  talk.hear(talk.connack(u8(0x22) + u16(2), true));
  CHECK(talk.sent() == Strings{"PUBLISH q1 r0 d1 m1 topic/1~1 y"});
}

TEST_CASE("a session that is saved goes on in another process", "[client]") {
  client::SavedSession saved;
  {
    Talk talk(lasting());
    talk.connect();
    CHECK(talk.publish("a", "1", 1, 1) == Accepted::accepted);
    CHECK(talk.publish("a", "2", 2, 2) == Accepted::accepted);
    CHECK(talk.publish("a", "3", 2, 3) == Accepted::accepted);
    talk.hear(Talk::ack(0x50, 2) + talk.message("b", "m", 2, 7));
    saved = talk.client.save(talk.now);
  }
  CHECK(saved.outgoing.size() == 3);
  CHECK(saved.incoming == std::vector{mqtt::PacketId{7}});
  Talk talk(lasting());
  talk.client.restore(saved, talk.now);
  talk.open();
  talk.sent();
  talk.hear(talk.connack({}, true) + talk.message("b", "m", 2, 7, {}, true));
  CHECK(talk.sent() ==
        Strings{"PUBREL m2", "PUBLISH q1 r0 d1 m1 a 1", "PUBLISH q2 r0 d1 m3 a 3", "PUBREC m7"});
  CHECK(talk.events() == Strings{"connected to the session"});
  talk.hear(Talk::ack(0x70, 2) + Talk::ack(0x40, 1));
  CHECK(talk.events() == Strings{"acknowledged 2 00", "acknowledged 1 00"});
}

TEST_CASE("an acknowledgement of another kind is a protocol error", "[client]") {
  Talk talk(lasting());
  talk.connect();
  CHECK(talk.publish("a", "1", 1) == Accepted::accepted);
  CHECK(talk.publish("a", "2", 2) == Accepted::accepted);
  talk.sent();
  const auto [first_byte, id] =
      GENERATE(table<unsigned, unsigned>({{0x40, 2}, {0x50, 1}, {0x70, 1}, {0x70, 2}}));
  talk.hear(Talk::ack(first_byte, id));
  CHECK(talk.sent() == Strings{"DISCONNECT 82"});
  CHECK_FALSE(talk.client.connected());
}

TEST_CASE("PUBREC for an identifier that is free is answered", "[client]") {
  Talk talk(lasting());
  talk.connect();
  talk.hear(Talk::ack(0x50, 9) + Talk::ack(0x40, 9) + Talk::ack(0x70, 9));
  CHECK(talk.sent() == Strings{"PUBREL m9 92"});
  CHECK(talk.client.connected());
}

TEST_CASE("time is taken off the expiry of a message that is sent again", "[client]") {
  Talk talk(lasting());
  talk.connect();
  CHECK(talk.client.publish(
            {.topic = "a", .qos = mqtt::Qos::at_least_once, .message_expiry_interval_seconds = 60},
            {}, talk.now) == Accepted::accepted);
  CHECK(talk.client.save(talk.now).outgoing[0].message_expiry_interval_seconds == 60U);
  talk.now.milliseconds += 20'000;
  CHECK(talk.client.save(talk.now).outgoing[0].message_expiry_interval_seconds == 40U);
  talk.now.milliseconds += 90'000;
  CHECK(talk.client.save(talk.now).outgoing[0].message_expiry_interval_seconds == 1U);
}
