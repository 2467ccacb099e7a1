#include <catch2/catch.hpp>

#include "test/client/fixture.h"

using mqtt::Version;
using test::Talk;
using Strings = std::vector<std::string>;

namespace {

client::Options relay(Version version) {
  client::Options options;
  options.version = version;
  options.client_id = "c";
  options.clean_start = false;
  options.session_expiry_interval_seconds = 1000;
  options.acknowledge = client::Acknowledge::by_caller;
  options.handshakes = client::Handshakes::relayed;
  return options;
}

constexpr unsigned pubrec = 0x50;
constexpr unsigned pubrel = 0x62;
constexpr unsigned pubcomp = 0x70;

}  // namespace

TEST_CASE("the caller takes each step of a relayed handshake with QoS 2", "[client]") {
  Talk talk(relay(GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0)));
  talk.pieces = GENERATE(test::Pieces::whole, test::Pieces::bytes);
  talk.connect();
  CHECK(talk.publish("a", "x", 2, 4, 7) == client::Accepted::accepted);
  CHECK(talk.sent() == Strings{"PUBLISH q2 r0 d0 m7 a x"});
  talk.hear(Talk::ack(pubrec, 7) + Talk::ack(pubrec, 7));
  CHECK(talk.events() == Strings{"received m7"});
  CHECK(talk.sent().empty());
  talk.client.release(mqtt::PacketId{7}, client::Token{5}, talk.now);
  talk.run();
  CHECK(talk.sent() == Strings{"PUBREL m7"});
  talk.hear(Talk::ack(pubcomp, 7));
  CHECK(talk.events() == Strings{"acknowledged 5 00"});
  CHECK(talk.client.in_flight() == 0);
}

TEST_CASE("a release of an earlier connection is relayed, in either direction", "[client]") {
  Talk talk(relay(Version::v5_0));
  talk.connect({}, true);
  talk.client.release(mqtt::PacketId{9}, client::Token{3}, talk.now);
  talk.hear(Talk::ack(pubcomp, 9, 0x92));
  CHECK(talk.sent() == Strings{"PUBREL m9"});
  CHECK(talk.events() == Strings{"acknowledged 3 00"});
  talk.hear(Talk::ack(pubrel, 8));
  CHECK(talk.events() == Strings{"released m8"});
  CHECK(talk.sent().empty());
  talk.acknowledge();
  CHECK(talk.sent() == Strings{"PUBCOMP m8"});
}

TEST_CASE("nothing of a relayed handshake outlives its connection", "[client]") {
  Talk talk(relay(Version::v3_1_1));
  talk.connect({}, true);
  CHECK(talk.publish("a", "1", 1, 1, 1) == client::Accepted::accepted);
  CHECK(talk.publish("a", "2", 2, 2, 2) == client::Accepted::accepted);
  talk.hear(talk.message("b", "3", 2, 3));
  talk.lose();
  CHECK(talk.client.in_flight() == 0);
  talk.connect({}, true);
  CHECK(talk.sent().empty());
  // A receipt of the connection before is worth nothing; the message is told again.
  talk.acknowledge();
  talk.hear(talk.message("b", "3", 2, 3, {}, true));
  CHECK(talk.events() == Strings{"message q2 m3 b 3"});
  CHECK(talk.sent().empty());
  talk.acknowledge();
  CHECK(talk.sent() == Strings{"PUBREC m3"});
  CHECK(talk.publish("a", "2", 2, 2, 2) == client::Accepted::accepted);
}

TEST_CASE("requests keep clear of the identifiers that a caller names", "[client]") {
  Talk talk(relay(Version::v3_1_1));
  talk.connect();
  mqtt::Subscribe packet;
  packet.entries = {{.filter = "a"}};
  REQUIRE(talk.client.subscribe(packet, client::Token{1}, talk.now) == client::Accepted::accepted);
  REQUIRE(talk.client.subscribe(packet, client::Token{2}, talk.now) == client::Accepted::accepted);
  talk.run();
  CHECK(talk.sent() == Strings{"SUBSCRIBE m65535 a", "SUBSCRIBE m65534 a"});
}

TEST_CASE("a caller that stops in between keeps the input", "[client]") {
  Talk talk(relay(Version::v5_0));
  talk.connect();
  {
    const std::string bytes = talk.message("a", "1", 0) + talk.message("a", "2", 0) +
                              talk.message("a", "3", 0).substr(0, 4);
    talk.client.feed(mqtt::as_bytes(bytes), talk.now);
    CHECK(test::describe_event(*talk.client.next(talk.now)) == "message q0 m0 a 1");
    talk.client.keep_input();
  }
  talk.run();
  CHECK(talk.events() == Strings{"message q0 m0 a 2"});
  talk.hear(talk.message("a", "3", 0).substr(4));
  CHECK(talk.events() == Strings{"message q0 m0 a 3"});
}
