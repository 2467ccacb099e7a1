#include <catch2/catch.hpp>

#include "test/client/fixture.h"
#include "test/vectors/build.h"

using mqtt::Version;
using test::Talk;
using vectors::u16;
using vectors::u8;
using Strings = std::vector<std::string>;

namespace {

client::Options receiver(client::Acknowledge acknowledge, Version version = Version::v5_0) {
  client::Options options;
  options.version = version;
  options.client_id = "c";
  options.clean_start = false;
  options.session_expiry_interval_seconds = 1000;
  options.acknowledge = acknowledge;
  return options;
}

constexpr auto at_once = client::Acknowledge::at_once;
constexpr auto by_caller = client::Acknowledge::by_caller;

}  // namespace

TEST_CASE("messages are acknowledged at once", "[client]") {
  Talk talk(receiver(at_once, GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0)));
  talk.pieces = GENERATE(test::Pieces::whole, test::Pieces::halves, test::Pieces::bytes);
  talk.connect();
  talk.hear(talk.message("a", "0", 0) + talk.message("a", "1", 1, 5) +
            talk.message("a", "2", 2, 6) + talk.message("a", "2", 2, 6, {}, true) +
            Talk::ack(0x62, 6));
  CHECK(talk.events() == Strings{"message q0 m0 a 0", "message q1 m5 a 1", "message q2 m6 a 2"});
  CHECK(talk.sent() == Strings{"PUBACK m5", "PUBREC m6", "PUBREC m6", "PUBCOMP m6"});
  talk.hear(talk.message("a", "3", 2, 6));
  CHECK(talk.events() == Strings{"message q2 m6 a 3"});
}

TEST_CASE("a caller acknowledges, and answers leave in order [MQTT-4.6.0-2] [MQTT-4.6.0-3]",
          "[client]") {
  Talk talk(receiver(by_caller));
  talk.connect();
  talk.hear(talk.message("a", "1", 1, 5) + talk.message("a", "2", 2, 6) +
            talk.message("a", "3", 1, 7));
  CHECK(talk.sent().empty());
  std::swap(talk.receipts[0], talk.receipts[2]);
  talk.acknowledge();
  talk.acknowledge(mqtt::Reason::quota_exceeded);
  CHECK(talk.sent().empty());
  talk.acknowledge();
  CHECK(talk.sent() == Strings{"PUBACK m5", "PUBREC m6 97", "PUBACK m7"});
  // The identifier of the message that was refused is free [MQTT-4.3.3-9].
  talk.events();
  talk.hear(talk.message("a", "4", 2, 6));
  CHECK(talk.events() == Strings{"message q2 m6 a 4"});
  talk.acknowledge();
  CHECK(talk.sent() == Strings{"PUBREC m6"});
  talk.hear(Talk::ack(0x62, 6));
  CHECK(talk.events() == Strings{"released m6"});
  CHECK(talk.sent().empty());
  talk.acknowledge();
  CHECK(talk.sent() == Strings{"PUBCOMP m6"});
}

TEST_CASE("QoS 2 is given once, over connections and whatever the caller waits for", "[client]") {
  Talk talk(receiver(by_caller));
  talk.connect();
  talk.hear(talk.message("a", "1", 2, 6));
  CHECK(talk.events() == Strings{"message q2 m6 a 1"});
  const bool before = GENERATE(true, false);
  const auto reconnect = [&] {
    talk.lose();
    talk.open();
    talk.hear(talk.connack({}, true));
    talk.sent();
    talk.events();
  };
  reconnect();
  if (before) talk.acknowledge();
  CHECK(talk.sent().empty());
  talk.hear(talk.message("a", "1", 2, 6, {}, true));
  if (!before) CHECK(talk.sent().empty());
  if (!before) talk.acknowledge();
  CHECK(talk.sent() == Strings{"PUBREC m6"});
  CHECK(talk.events().empty());
  reconnect();
  talk.hear(talk.message("a", "1", 2, 6, {}, true));
  CHECK(talk.sent() == Strings{"PUBREC m6"});
  talk.hear(Talk::ack(0x62, 6));
  CHECK(talk.events() == Strings{"released m6"});
  reconnect();
  if (before) talk.acknowledge();
  talk.hear(Talk::ack(0x62, 6));
  if (!before) talk.acknowledge();
  CHECK(talk.sent() == Strings{before ? "PUBCOMP m6 92" : "PUBCOMP m6"});
  CHECK(talk.events().empty());
}

TEST_CASE("a receipt for QoS 1 is worth nothing after its connection", "[client]") {
  Talk talk(receiver(by_caller));
  talk.connect();
  talk.hear(talk.message("a", "1", 1, 6));
  talk.lose();
  talk.connect({}, true);
  talk.hear(talk.message("b", "2", 1, 6));
  talk.acknowledge();
  CHECK(talk.sent().empty());
  talk.acknowledge();
  CHECK(talk.sent() == Strings{"PUBACK m6"});
}

TEST_CASE("without a session the server's identifiers begin anew", "[client]") {
  Talk talk(receiver(at_once));
  talk.connect();
  talk.hear(talk.message("a", "1", 2, 6));
  talk.lose();
  talk.open();
  talk.events();
  talk.hear(talk.connack() + talk.message("a", "2", 2, 6));
  CHECK(talk.events() == Strings{"connected, session lost", "message q2 m6 a 2"});
}

TEST_CASE("a server of 3.1 does not say that it has lost the session, but sends without DUP",
          "[client]") {
  Talk talk(receiver(at_once, Version::v3_1));
  talk.connect();
  talk.hear(talk.message("a", "1", 2, 6) + talk.message("a", "2", 2, 7));
  talk.lose();
  talk.open();
  talk.events();
  talk.hear(talk.connack() + talk.message("a", "1", 2, 6, {}, true) + talk.message("a", "3", 2, 7));
  CHECK(talk.events() == Strings{"connected", "message q2 m7 a 3"});
}

TEST_CASE("a server that exceeds the Receive Maximum is left [MQTT-3.3.4-9]", "[client]") {
  client::Options options = receiver(by_caller);
  options.receive_maximum = 2;
  Talk talk(options);
  talk.connect();
  talk.hear(talk.message("a", "1", 1, 1) + talk.message("a", "2", 2, 2));
  // The same message again is not one more.
  talk.hear(talk.message("a", "2", 2, 2, {}, true));
  talk.acknowledge();
  talk.hear(talk.message("a", "3", 1, 3));
  CHECK(talk.client.connected());
  talk.sent();
  talk.hear(talk.message("a", "4", 1, 4));
  CHECK(talk.sent() == Strings{"DISCONNECT 93"});
  CHECK_FALSE(talk.client.connected());
}

TEST_CASE("a client that has to get on takes more than its Receive Maximum", "[client]") {
  client::Options options = receiver(by_caller);
  options.receive_maximum = 1;
  options.tolerates_excess = true;
  Talk talk(options);
  talk.connect();
  talk.hear(talk.message("a", "1", 1, 1) + talk.message("a", "2", 2, 2));
  CHECK(talk.client.connected());
  CHECK(talk.events() == Strings{"message q1 m1 a 1", "message q2 m2 a 2"});
}

TEST_CASE("topic aliases of the server stand for their topics", "[client]") {
  client::Options options = receiver(at_once);
  options.topic_alias_in_max = 2;
  Talk talk(options);
  talk.pieces = GENERATE(test::Pieces::whole, test::Pieces::bytes);
  talk.connect();
  const auto alias = [](unsigned number) { return u8(0x23) + u16(number); };
  talk.hear(talk.message("a/b", "1", 0, 0, alias(2)) + talk.message("", "2", 0, 0, alias(2)) +
            talk.message("c", "3", 0, 0, alias(2)) + talk.message("", "4", 0, 0, alias(2)));
  CHECK(talk.events() == Strings{"message q0 m0 a/b~2 1", "message q0 m0 a/b~2 2",
                                 "message q0 m0 c~2 3", "message q0 m0 c~2 4"});
  SECTION("one above the maximum is an error [MQTT-3.3.2-9]") {
    talk.hear(talk.message("a", "5", 0, 0, alias(3)));
    CHECK(talk.sent() == Strings{"DISCONNECT 94"});
  }
  SECTION("one that was not given is an error") {
    talk.hear(talk.message("", "5", 0, 0, alias(1)));
    CHECK(talk.sent() == Strings{"DISCONNECT 82"});
  }
}

TEST_CASE("a packet larger than the client's maximum ends the connection at its header",
          "[client]") {
  client::Options options = receiver(at_once);
  options.packet_bytes_max = 100;
  Talk talk(options);
  talk.connect();
  talk.hear(u8(0x30) + vectors::varint(200'000'000));
  CHECK(talk.sent() == Strings{"DISCONNECT 95"});
}

TEST_CASE("a server out of turn is left", "[client]") {
  Talk talk(receiver(by_caller));
  talk.connect();
  SECTION("with a second CONNACK") { talk.hear(talk.connack()); }
  SECTION("with a PINGREQ") { talk.hear(vectors::packet(0xC0, "")); }
  SECTION("with PUBREL before PUBREC") {
    talk.hear(talk.message("a", "1", 2, 4) + Talk::ack(0x62, 4));
  }
  SECTION("with a message under an identifier that is being released") {
    talk.hear(talk.message("a", "1", 2, 4));
    talk.acknowledge();
    talk.sent();
    talk.hear(Talk::ack(0x62, 4) + talk.message("a", "2", 2, 4));
  }
  CHECK(talk.sent() == Strings{"DISCONNECT 82"});
  CHECK_FALSE(talk.client.connected());
}

TEST_CASE("a message in place of CONNACK ends the connection without a word", "[client]") {
  Talk talk(receiver(at_once));
  talk.open();
  talk.sent();
  talk.hear(talk.message("a", "1", 0));
  CHECK(talk.sent().empty());
  CHECK(talk.events() == Strings{"disconnected: fault 82, a packet that is not expected"});
}
