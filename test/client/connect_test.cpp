#include "broker/wire/connect.h"

#include <catch2/catch.hpp>

#include "test/client/fixture.h"
#include "test/vectors/build.h"
#include "test/vectors/packets.h"

using mqtt::Version;
using test::Talk;
using vectors::text;
using vectors::u16;
using vectors::u32;
using vectors::u8;
using Strings = std::vector<std::string>;

namespace {

client::Options named(Version version = Version::v5_0) {
  client::Options options;
  options.version = version;
  options.client_id = "c";
  return options;
}

}  // namespace

TEST_CASE("a client sends CONNECT, and is connected with CONNACK", "[client]") {
  const auto version = GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0);
  Talk talk(named(version));
  talk.pieces = GENERATE(test::Pieces::whole, test::Pieces::halves, test::Pieces::bytes);
  talk.client.start(talk.now);
  talk.run();
  CHECK(talk.events() == Strings{"open"});
  talk.open();
  CHECK(talk.sent() == Strings{"CONNECT c clean"});
  CHECK_FALSE(talk.client.connected());
  talk.hear(talk.connack());
  CHECK(talk.events() == Strings{"connected"});
  CHECK(talk.client.connected());
  talk.client.disconnect({}, talk.now);
  talk.run();
  CHECK(talk.sent() == Strings{"DISCONNECT 00"});
  CHECK(talk.events() == Strings{"disconnected: asked 00"});
  CHECK_FALSE(talk.client.next_wake());
}

TEST_CASE("CONNECT says what the options say", "[client]") {
  client::Options options = named();
  options.clean_start = false;
  options.session_expiry_interval_seconds = 77;
  options.user_name = "u";
  options.password = "p";
  options.will = client::WillOptions{.topic = "w", .payload = "bye", .retain = true};
  options.receive_maximum = 9;
  options.packet_bytes_max = 5000;
  options.topic_alias_in_max = 4;
  Talk talk(options);
  talk.client.opened(talk.now);
  const mqtt::Bytes bytes = talk.client.output().view();
  const auto frame = mqtt::next_frame(bytes, SIZE_MAX);
  const auto packet = mqtt::decode_connect((*frame)->body, (*frame)->flags);
  REQUIRE(packet);
  CHECK_FALSE(packet->clean_start);
  CHECK(packet->keep_alive_seconds == 60);
  CHECK(packet->session_expiry_interval_seconds == 77);
  CHECK(packet->user_name == "u");
  CHECK(mqtt::as_text(*packet->password) == "p");
  CHECK(packet->will->topic == "w");
  CHECK(packet->will->retain);
  CHECK(packet->receive_maximum == 9);
  CHECK(packet->maximum_packet_size_bytes == 5000);
  CHECK(packet->topic_alias_maximum == 4);
}

TEST_CASE("a refusal says why, in every version", "[client]") {
  Talk five(named());
  five.open();
  five.hear(five.connack(u8(0x1F) + text("go there") + u8(0x1C) + text("b.example"), false, 0x9C));
  CHECK(five.events() == Strings{"disconnected: refused 9C \"go there\" at b.example"});
  Talk four(named(Version::v3_1_1));
  four.open();
  four.hear(four.connack({}, false, 5));
  CHECK(four.events() == Strings{"disconnected: refused 87"});
  // A server of 3.1.1 answers a CONNECT of 5.0 in its own way.
  Talk old(named());
  old.open();
  old.hear(vectors::packet(0x20, u8(0) + u8(1)));
  CHECK(old.events() == Strings{"disconnected: refused 84"});
}

TEST_CASE("the server's terms hold: keep alive, identifier, maxima", "[client]") {
  client::Options options = named();
  options.client_id = "";
  Talk talk(options);
  talk.connect(u8(0x13) + u16(5) + u8(0x12) + text("auto-7") + u8(0x21) + u16(2) + u8(0x24) +
               u8(1) + u8(0x25) + u8(0) + u8(0x27) + u32(40));
  CHECK(talk.client.client_id() == "auto-7");
  CHECK(talk.client.terms().keep_alive_seconds == 5);
  CHECK(talk.publish("a", "x", 2) == client::Accepted::qos_not_supported);  // [MQTT-3.2.2-11]
  CHECK(talk.client.publish({.topic = "a", .retain = true}, {}, talk.now) ==
        client::Accepted::retain_not_supported);  // [MQTT-3.2.2-14]
  CHECK(talk.publish("a", std::string(40, 'x'), 0) ==
        client::Accepted::packet_too_large);  // [MQTT-3.2.2-15]
  CHECK(talk.publish("a", "1", 1) == client::Accepted::accepted);
  CHECK(talk.publish("a", "2", 1) == client::Accepted::accepted);
  CHECK(talk.publish("a", "3", 1) == client::Accepted::no_room);
  CHECK(talk.publish("a", "4", 0) == client::Accepted::accepted);
  talk.hear(Talk::ack(0x40, 1));
  CHECK(talk.events() == Strings{"acknowledged 0 00", "room"});
  // The next CONNECT has the identifier that was assigned.
  talk.lose();
  talk.sent();
  talk.open();
  CHECK(talk.sent() == Strings{"CONNECT auto-7 clean"});
}

TEST_CASE("PINGREQ keeps the connection, and no PINGRESP ends it", "[client]") {
  client::Options options = named();
  options.keep_alive_seconds = 10;
  options.pingresp_milliseconds = 4000;
  Talk talk(options);
  talk.connect();
  talk.pass_milliseconds(9999);
  CHECK(talk.sent().empty());
  talk.pass_milliseconds(1);
  CHECK(talk.sent() == Strings{"PINGREQ"});
  talk.hear(vectors::packet(0xD0, ""));
  // A client that only sends notices too that nobody is there.
  for (int i = 0; i < 9; ++i) {
    talk.pass_milliseconds(1100);
    CHECK(talk.publish("a", "x", 0) == client::Accepted::accepted);
  }
  talk.sent();
  talk.pass_milliseconds(100);
  CHECK(talk.sent() == Strings{"PINGREQ"});
  talk.pass_milliseconds(3999);
  CHECK(talk.client.connected());
  talk.pass_milliseconds(1);
  CHECK(talk.sent().empty());
  CHECK(talk.events() == Strings{"disconnected: no PINGRESP 8D"});
}

TEST_CASE("a server that says nothing is left, and asked again later and later", "[client]") {
  client::Options options = named();
  options.connack_milliseconds = 3000;
  options.reconnect = {.enabled = true, .first_milliseconds = 100, .longest_milliseconds = 5000};
  Talk talk(options);
  talk.client.start(talk.now);
  talk.run();
  for (int i = 0; i < 50; ++i) {
    CHECK(talk.events() == Strings{"open"});
    talk.open();
    talk.pass_milliseconds(2999);
    CHECK(talk.events().empty());
    talk.now.milliseconds += 1;
    talk.run();
    CHECK(talk.events() == Strings{"disconnected: no CONNACK 00"});
    const auto wake = talk.client.next_wake();
    REQUIRE(wake);
    CHECK(wake->milliseconds - talk.now.milliseconds >= 100);
    CHECK(wake->milliseconds - talk.now.milliseconds <= 5000);
    talk.now.milliseconds = wake->milliseconds - 1;
    talk.run();
    CHECK(talk.events().empty());
    talk.pass_milliseconds(1);
  }
}

TEST_CASE("a connection that cannot be opened is wanted again, at the pace of the options",
          "[client]") {
  client::Options options = named();
  options.reconnect = {.enabled = true, .first_milliseconds = 700};
  Talk talk(options);
  talk.client.start(talk.now);
  talk.run();
  talk.lose();
  CHECK(talk.events() == Strings{"open", "disconnected: closed 00"});
  talk.pass_milliseconds(699);
  CHECK(talk.events().empty());
  talk.pass_milliseconds(1);
  CHECK(talk.events() == Strings{"open"});
  talk.client.disconnect({}, talk.now);
  talk.run();
  talk.pass_milliseconds(10'000);
  CHECK(talk.events() == Strings{"disconnected: asked 00"});
}

TEST_CASE("a session that outlives its connections is thrown away once", "[client]") {
  client::Options options = named();
  options.session_expiry_interval_seconds = 60;
  Talk talk(options);
  talk.open();
  CHECK(talk.sent() == Strings{"CONNECT c clean"});
  talk.hear(talk.connack());
  talk.lose();
  talk.open();
  CHECK(talk.sent() == Strings{"CONNECT c"});
  talk.hear(talk.connack({}, true));
  CHECK(talk.client.connected());
}

TEST_CASE("a session that was not asked for is a protocol error [MQTT-3.2.2-4]", "[client]") {
  Talk talk(named());
  talk.open();
  talk.hear(talk.connack({}, true));
  CHECK(talk.events() == Strings{"disconnected: fault 82, a session that was not asked for"});
}

TEST_CASE("a bridge leaves its bit out where a server refuses it", "[client]") {
  client::Options options = named(Version::v3_1_1);
  options.bridge = true;
  Talk talk(options);
  talk.open();
  CHECK(talk.sent() == Strings{"CONNECT c clean bridge"});
  SECTION("in words") {
    talk.hear(talk.connack({}, false, 1));
    for (int i = 0; i < 2; ++i) {
      talk.open();
      CHECK(talk.sent() == Strings{"CONNECT c clean"});
      talk.lose();
    }
  }
  const auto lose_and_open = [&talk](int times) {
    for (int i = 0; i < times; ++i) {
      talk.lose();
      talk.open();
    }
    return talk.sent().back();
  };
  SECTION("without a word") {
    // A proxy without its server closes as silently: for one connection only it goes without.
    CHECK(lose_and_open(2) == "CONNECT c clean bridge");
    CHECK(lose_and_open(1) == "CONNECT c clean");
    CHECK(lose_and_open(1) == "CONNECT c clean bridge");
    CHECK(lose_and_open(3) == "CONNECT c clean");
    talk.hear(talk.connack());
    CHECK(lose_and_open(1) == "CONNECT c clean bridge");
    SECTION("and takes it later") {
      talk.hear(talk.connack());
      CHECK(lose_and_open(12) == "CONNECT c clean bridge");
    }
    SECTION("and takes connections without it again") {
      CHECK(lose_and_open(3) == "CONNECT c clean");
      talk.hear(talk.connack());
      CHECK(lose_and_open(1) == "CONNECT c clean");
      CHECK(lose_and_open(1) == "CONNECT c clean");
    }
  }
}

TEST_CASE("AUTH goes to and fro before CONNACK, and again later", "[client]") {
  client::Options options = named();
  options.authentication_method = "M";
  options.authentication_data = "1";
  Talk talk(options);
  talk.open();
  talk.sent();
  const std::string method = u8(0x15) + text("M") + u8(0x16) + text("2");
  talk.hear(vectors::packet(0xF0, u8(0x18) + vectors::block(method)));
  CHECK(talk.events() == Strings{"authentication 18 2"});
  CHECK(talk.client.authenticate(mqtt::Reason::continue_authentication, mqtt::as_bytes("3"),
                                 talk.now) == client::Accepted::accepted);
  talk.run();
  CHECK(talk.sent() == Strings{"AUTH 18"});
  talk.hear(talk.connack(method));
  CHECK(talk.events() == Strings{"connected"});
  CHECK(talk.client.authenticate(mqtt::Reason::re_authenticate, {}, talk.now) ==
        client::Accepted::accepted);
  talk.run();
  CHECK(talk.sent() == Strings{"AUTH 19"});
  talk.hear(vectors::packet(0xF0, u8(0x00) + vectors::block(method)));
  CHECK(talk.events() == Strings{"authentication 00 2"});
  talk.hear(vectors::packet(0xF0, u8(0x18) + vectors::block(u8(0x15) + text("N"))));
  CHECK(talk.sent() == Strings{"DISCONNECT 82"});
  CHECK(talk.events() == Strings{"disconnected: fault 82, another authentication method"});
}

TEST_CASE("the server's DISCONNECT is told", "[client]") {
  Talk talk(named());
  talk.connect();
  talk.hear(vectors::packet(0xE0, u8(0x8B) + vectors::block(u8(0x1F) + text("night"))));
  CHECK(talk.events() == Strings{"disconnected: sent away 8B \"night\""});
  CHECK(talk.sent().empty());
}

TEST_CASE("requests are answered by filter, or end with their connection", "[client]") {
  const auto version = GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0);
  const bool v5 = version == Version::v5_0;
  Talk talk(named(version));
  talk.connect();
  mqtt::Subscribe subscribe;
  subscribe.entries = {{.filter = "a"}, {.filter = "b/#", .qos = mqtt::Qos::exactly_once}};
  const auto ask = [&] { return talk.client.subscribe(subscribe, client::Token{3}, talk.now); };
  CHECK(ask() == client::Accepted::accepted);
  talk.run();
  CHECK(talk.sent() == Strings{"SUBSCRIBE m1 a b/#"});
  const std::string none = v5 ? vectors::block("") : "";
  talk.hear(vectors::packet(0x90, u16(1) + none + u8(0) + u8(0x80)));
  CHECK(talk.events() == Strings{"answered 3 00 80"});
  mqtt::Unsubscribe unsubscribe;
  unsubscribe.filters = {"a"};
  CHECK(talk.client.unsubscribe(unsubscribe, client::Token{4}, talk.now) ==
        client::Accepted::accepted);
  talk.run();
  CHECK(talk.sent() == Strings{"UNSUBSCRIBE m2 a"});
  talk.hear(vectors::packet(0xB0, u16(2) + (v5 ? none + u8(0x11) : none)));
  CHECK(talk.events() == Strings{v5 ? "answered 4 11" : "answered 4"});
  CHECK(ask() == client::Accepted::accepted);
  SECTION("too few codes are an error [MQTT-3.8.4-6]") {
    talk.hear(vectors::packet(0x90, u16(3) + none + u8(0)));
    CHECK(talk.events() == Strings{"disconnected: fault 82, an answer to no request"});
  }
  SECTION("a lost connection takes them along") {
    talk.lose();
    talk.open();
    talk.hear(talk.connack());
    talk.events();
    talk.hear(vectors::packet(0x90, u16(3) + none + u8(0) + u8(0)));
    CHECK(talk.events() == Strings{"disconnected: fault 82, an answer to no request"});
  }
}

TEST_CASE("every packet of servers is taken or ends the connection, however it is cut",
          "[client]") {
  for (const vectors::Packet& packet : vectors::all_server_packets()) {
    CAPTURE(packet.name);
    Strings first;
    for (const auto pieces : {test::Pieces::whole, test::Pieces::halves, test::Pieces::bytes}) {
      if (pieces == test::Pieces::bytes && packet.bytes.size() > 5000) continue;
      Talk talk(named(packet.version));
      talk.pieces = pieces;
      const bool connack = !packet.bytes.empty() && (packet.bytes[0] & 0xF0) == 0x20;
      if (connack) {
        talk.open();
      } else {
        talk.connect();
      }
      talk.hear(packet.bytes);
      Strings events = talk.events();
      if (!packet.valid()) CHECK_FALSE(talk.client.connected());
      if (pieces == test::Pieces::whole) first = events;
      CHECK(events == first);
    }
  }
}
