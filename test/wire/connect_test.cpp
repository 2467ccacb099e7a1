#include "broker/wire/connect.h"

#include <catch2/catch.hpp>

#include "broker/wire/publish.h"
#include "test/vectors/build.h"
#include "test/wire/reader.h"

using mqtt::decode_connect;
using mqtt::Version;
using vectors::block;
using vectors::text;
using vectors::u16;
using vectors::u32;
using vectors::u8;

namespace {

constexpr int unsupported_version = 0x84;

std::string start(const std::string& name, unsigned level, unsigned flags) {
  return text(name) + u8(level) + u8(flags) + u16(60);
}
/// CONNECT 3.1.1 and 5.0 with a payload of `rest`.
std::string v3_1_1(unsigned flags, const std::string& rest) {
  return start("MQTT", 4, flags) + rest;
}
std::string v5_0(unsigned flags, const std::string& rest) {
  return start("MQTT", 5, flags) + block("") + rest;
}

int verdict(const std::string& body) { return refusal(decode_connect(mqtt::as_bytes(body))); }

constexpr int client_identifier_not_valid = 0x85;

/// The same flags and payload in both versions; `message` stands for the will.
void check_both(unsigned flags, const std::string& rest, int expected) {
  CAPTURE(flags);
  CHECK(verdict(v3_1_1(flags, rest)) == expected);
  CHECK(verdict(v5_0(flags, rest)) == expected);
}

const std::string client = text("client");

}  // namespace

TEST_CASE("another protocol name is not MQTT [MQTT-3.1.2-1] [MQTT3-3.1.2-1]", "[connect]") {
  for (const std::string name : {"", "MQTX", "mqtt", "MQTTT", "MQT", "MQIsd", "HTTP"}) {
    CAPTURE(name);
    CHECK(verdict(start(name, 4, 2) + client) == malformed);
  }
}

TEST_CASE(
    "a level that is not served is told from a broken packet "
    "[MQTT-3.1.2-2] [MQTT3-3.1.2-2]",
    "[connect]") {
  for (unsigned level = 0; level < 256; ++level) {
    CAPTURE(level);
    const std::string rest = level == 5 ? block("") + client : client;
    const bool good = level == 4 || level == 5 || level == 0x84;
    CHECK(verdict(start("MQTT", level, 2) + rest) == (good ? accepted : unsupported_version));
    const bool good_for_3_1 = level == 3 || level == 0x83;
    CHECK(verdict(start("MQIsdp", level, 2) + client) ==
          (good_for_3_1 ? accepted : unsupported_version));
  }
}

TEST_CASE("the version of a CONNECT is readable even if the rest is broken", "[connect]") {
  const auto version = [](const std::string& body) {
    return mqtt::head_of_connect(mqtt::as_bytes(body)).version;
  };
  CHECK(version(text("MQTT") + u8(5)) == Version::v5_0);
  CHECK(version(text("MQTT") + u8(4)) == Version::v3_1_1);
  CHECK(version(text("MQIsdp") + u8(3)) == Version::v3_1);
  CHECK(version(text("MQTT") + u8(6)) == Version::v5_0);
  CHECK(version(text("MQTT") + u8(2)) == Version::v5_0);
  CHECK(version(text("MQTT") + u8(3)) == Version::v3_1_1);
  CHECK(version(text("MQTT")) == Version::v3_1_1);
  CHECK(version("") == Version::v3_1_1);
}

TEST_CASE("level and client identifier of a CONNECT are readable if its version is unknown",
          "[connect]") {
  const std::string new_form = start("MQTT", 6, 2) + block("") + client;
  CHECK(mqtt::head_of_connect(mqtt::as_bytes(new_form)).level == 6);
  CHECK(mqtt::head_of_connect(mqtt::as_bytes(new_form)).client_id == "client");
  const std::string old_form = start("MQTT", 2, 2) + client;
  CHECK(mqtt::head_of_connect(mqtt::as_bytes(old_form)).level == 2);
  CHECK(mqtt::head_of_connect(mqtt::as_bytes(old_form)).client_id == "client");
  const std::string broken = start("MQTT", 4, 2) + text("\xFF");
  CHECK(mqtt::head_of_connect(mqtt::as_bytes(broken)).client_id.empty());
  CHECK(mqtt::head_of_connect(mqtt::as_bytes(text("MQTT") + u8(4))).client_id.empty());
}

TEST_CASE("flags in the header of a CONNECT are refused from 3.1.1 on [MQTT3-2.2.2-2]",
          "[connect]") {
  const auto with_flags = [](const std::string& body) {
    return refusal(decode_connect(mqtt::as_bytes(body), 4));
  };
  CHECK(with_flags(start("MQIsdp", 3, 2) + client) == accepted);
  CHECK(with_flags(start("MQTT", 4, 2) + client) == malformed);
  CHECK(with_flags(start("MQTT", 5, 2) + block("") + client) == malformed);
}

TEST_CASE("a CONNECT with a broken text is answered as Mosquitto does", "[connect]") {
  const auto answered = [](const std::string& body) {
    return decode_connect(mqtt::as_bytes(body)).error().answered;
  };
  CHECK(answered(start("MQTT", 5, 6) + block("") + client + block("") + text("w\x80") +
                 text("gone")) == mqtt::Answered::never);
  CHECK(answered(start("MQTT", 5, 0x82) + block("") + client + text("u\x80")) ==
        mqtt::Answered::never);
  CHECK(answered(start("MQTT", 5, 0x82) + block("") + client) == mqtt::Answered::never);
  CHECK(answered(start("MQTT", 5, 2) + block("") + text("\x80")) == mqtt::Answered::from_v5_0);
}

TEST_CASE("bit 7 of the level is a bridge's", "[connect]") {
  const std::string bridge = start("MQTT", 0x84, 2) + client;
  const auto connect = decode_connect(mqtt::as_bytes(bridge));
  REQUIRE(connect);
  CHECK(connect->from_bridge);
  CHECK(connect->version == Version::v3_1_1);
}

TEST_CASE("the reserved connect flag is 0 [MQTT-3.1.2-3] [MQTT3-3.1.2-3]", "[connect]") {
  check_both(0x02, client, accepted);
  check_both(0x03, client, malformed);
}

TEST_CASE("without a will its QoS is 0 [MQTT-3.1.2-11] [MQTT3-3.1.2-11] [MQTT3-3.1.2-13]",
          "[connect]") {
  check_both(0x0A, client, malformed);
  check_both(0x12, client, malformed);
  check_both(0x1A, client, malformed);
}

TEST_CASE("without a will its retain is 0 [MQTT-3.1.2-13] [MQTT3-3.1.2-15]", "[connect]") {
  check_both(0x22, client, malformed);
}

TEST_CASE("a will's QoS is 0, 1 or 2 [MQTT-3.1.2-12] [MQTT3-3.1.2-14]", "[connect]") {
  const std::string message = text("w") + text("gone");
  const auto [flags, expected] = GENERATE(table<unsigned, int>(
      {{0x06, accepted}, {0x0E, accepted}, {0x16, accepted}, {0x1E, malformed}}));
  CHECK(verdict(v3_1_1(flags, client + message)) == expected);
  CHECK(verdict(v5_0(flags, client + block("") + message)) == expected);
}

TEST_CASE(
    "with a will its properties, topic and payload are there "
    "[MQTT-3.1.2-9] [MQTT3-3.1.2-9]",
    "[connect]") {
  const std::string topic = text("will/topic");
  check_both(0x06, client, malformed);
  CHECK(verdict(v3_1_1(0x06, client + topic)) == malformed);
  CHECK(verdict(v5_0(0x06, client + block(""))) == malformed);
  CHECK(verdict(v5_0(0x06, client + block("") + topic)) == malformed);
  const std::string body = v3_1_1(0x2E, client + topic + text("gone"));
  const auto connect = decode_connect(mqtt::as_bytes(body));
  REQUIRE(connect);
  REQUIRE(connect->will);
  CHECK(connect->will->topic == "will/topic");
  CHECK(mqtt::as_text(connect->will->payload) == "gone");
  CHECK(connect->will->qos == mqtt::Qos::at_least_once);
  CHECK(connect->will->retain);
}

TEST_CASE(
    "a user name is there if, and only if, its flag is "
    "[MQTT-3.1.2-16] [MQTT-3.1.2-17] [MQTT3-3.1.2-18] [MQTT3-3.1.2-19]",
    "[connect]") {
  check_both(0x82, client + text("user"), accepted);
  check_both(0x82, client, malformed);
  check_both(0x02, client + text("user"), malformed);
}

TEST_CASE(
    "a password is there if, and only if, its flag is "
    "[MQTT-3.1.2-18] [MQTT-3.1.2-19] [MQTT3-3.1.2-20] [MQTT3-3.1.2-21]",
    "[connect]") {
  const std::string user = client + text("user");
  check_both(0xC2, user + text("secret"), accepted);
  check_both(0xC2, user, malformed);
  check_both(0x82, user + text("secret"), malformed);
}

TEST_CASE("before 5.0 there is no password without a user name [MQTT3-3.1.2-22]", "[connect]") {
  CHECK(verdict(v3_1_1(0x42, client + text("secret"))) == malformed);
  CHECK(verdict(v5_0(0x42, client + text("secret"))) == accepted);
}

TEST_CASE("in 3.1 a user name may be missing though its flag is set", "[connect]") {
  const std::string body = start("MQIsdp", 3, 0xC2) + client;
  const auto connect = decode_connect(mqtt::as_bytes(body));
  REQUIRE(connect);
  CHECK_FALSE(connect->user_name);
  CHECK_FALSE(connect->password);
}

TEST_CASE("payload fields stand in the fixed order [MQTT-3.1.3-1] [MQTT3-3.1.3-1]", "[connect]") {
  const std::string body = v5_0(0xCE, client + block("") + text("w") + text("gone") + text("user") +
                                          text(std::string_view("se\0ret", 6)));
  const auto connect = decode_connect(mqtt::as_bytes(body));
  REQUIRE(connect);
  CHECK(connect->client_id == "client");
  CHECK(connect->will->topic == "w");
  CHECK(connect->user_name == "user");
  CHECK(mqtt::as_text(*connect->password) == std::string_view("se\0ret", 6));
  CHECK(connect->clean_start);
  CHECK(connect->keep_alive_seconds == 60);
}

TEST_CASE(
    "the client identifier is there, as the first payload field "
    "[MQTT-3.1.3-3] [MQTT3-3.1.3-3]",
    "[connect]") {
  check_both(0x02, "", malformed);
  check_both(0x02, u16(7) + "client", malformed);
  check_both(0x02, text(""), accepted);
}

TEST_CASE("client identifiers are UTF-8 [MQTT-3.1.3-4] [MQTT3-3.1.3-4]", "[connect]") {
  check_both(0x02, text("\xC3\xA9"), accepted);
  check_both(0x02, text("\xC3"), client_identifier_not_valid);
  check_both(0x02, text(std::string_view("a\0b", 3)), client_identifier_not_valid);
}

TEST_CASE(
    "client identifiers of 1 to 23 letters and digits are allowed, and longer ones "
    "[MQTT-3.1.3-5] [MQTT3-3.1.3-5]",
    "[connect]") {
  for (const std::size_t size : {1U, 23U, 24U, 65'535U}) {
    const std::string id(size, '7');
    check_both(0x02, text(id), accepted);
    CHECK(verdict(start("MQIsdp", 3, 2) + text(id)) == accepted);
  }
}

TEST_CASE("the will topic is UTF-8 [MQTT-3.1.3-11] [MQTT3-3.1.3-10]", "[connect]") {
  const std::string message = text("w\xFF") + text("gone");
  CHECK(verdict(v3_1_1(0x06, client + message)) == malformed);
  CHECK(verdict(v5_0(0x06, client + block("") + message)) == malformed);
}

TEST_CASE("the user name is UTF-8 [MQTT-3.1.3-12] [MQTT3-3.1.3-11]", "[connect]") {
  check_both(0x82, client + text("\xFF"), malformed);
}

TEST_CASE("bytes behind the last field make a CONNECT malformed", "[connect]") {
  check_both(0x02, client + u8(0), malformed);
}

TEST_CASE("properties that are not sent have the defaults of section 3.1.2.11", "[connect]") {
  const std::string body = v5_0(0x00, client);
  const auto connect = decode_connect(mqtt::as_bytes(body));
  REQUIRE(connect);
  CHECK_FALSE(connect->clean_start);
  CHECK(connect->session_expiry_interval_seconds == 0);
  CHECK(connect->receive_maximum == 65'535);
  CHECK(connect->maximum_packet_size_bytes == 0);
  CHECK(connect->topic_alias_maximum == 0);
  CHECK_FALSE(connect->request_response_information);
  CHECK(connect->request_problem_information);
  CHECK_FALSE(connect->authentication_method);
}

TEST_CASE("every property of a CONNECT comes out", "[connect]") {
  const std::string body = start("MQTT", 5, 2) +
                           block(u8(0x11) + u32(3600) + u8(0x21) + u16(7) + u8(0x27) + u32(1000) +
                                 u8(0x22) + u16(9) + u8(0x19) + u8(1) + u8(0x17) + u8(0) +
                                 u8(0x15) + text("PLAIN") + u8(0x16) + text("data")) +
                           client;
  const auto connect = decode_connect(mqtt::as_bytes(body));
  REQUIRE(connect);
  CHECK(connect->session_expiry_interval_seconds == 3600);
  CHECK(connect->receive_maximum == 7);
  CHECK(connect->maximum_packet_size_bytes == 1000);
  CHECK(connect->topic_alias_maximum == 9);
  CHECK(connect->request_response_information);
  CHECK_FALSE(connect->request_problem_information);
  CHECK(connect->authentication_method == "PLAIN");
}

TEST_CASE(
    "a will keeps its properties whole and in order, and what travels is cut from them "
    "[MQTT-3.1.3-10]",
    "[connect]") {
  const std::string first = u8(0x26) + text("a") + text("1");
  const std::string second = u8(0x03) + text("text/plain");
  const std::string third = u8(0x26) + text("b") + text("2");
  const std::string all = first + u8(0x18) + u32(30) + second + u8(0x02) + u32(600) + third;
  const std::string body = v5_0(0x06, client + block(all) + text("w") + text("gone"));
  const auto connect = decode_connect(mqtt::as_bytes(body));
  REQUIRE(connect);
  CHECK(connect->will->delay_interval_seconds == 30);
  CHECK(connect->will->message_expiry_interval_seconds == 600U);
  CHECK(mqtt::as_text(connect->will->properties) == all);
  CHECK(written([&](auto& out) { forwarded_properties(connect->will->properties, out); }) ==
        first + second + third);
}

TEST_CASE("a CONNECT is written with the name and level of its version", "[connect]") {
  const auto encoded = [](const mqtt::Connect& connect) {
    return written([&](auto& out) { encode(connect, out); });
  };
  mqtt::Connect connect{.version = Version::v3_1, .clean_start = true, .client_id = "c"};
  CHECK(encoded(connect) ==
        vectors::packet(0x10, text("MQIsdp") + u8(3) + u8(2) + u16(0) + text("c")));
  connect.version = Version::v3_1_1;
  connect.from_bridge = true;
  CHECK(encoded(connect) ==
        vectors::packet(0x10, text("MQTT") + u8(0x84) + u8(2) + u16(0) + text("c")));
  connect.from_bridge = false;
  connect.version = Version::v5_0;
  CHECK(encoded(connect) ==
        vectors::packet(0x10, text("MQTT") + u8(5) + u8(2) + u16(0) + block("") + text("c")));
}

TEST_CASE("a CONNECT is written with will, credentials and properties", "[connect]") {
  mqtt::ByteBuffer content_type;
  mqtt::write_property(content_type, mqtt::PropertyId::content_type, std::string_view("t"));
  mqtt::Connect connect{.version = Version::v5_0,
                        .keep_alive_seconds = 60,
                        .client_id = "c",
                        .user_name = "user",
                        .password = mqtt::as_bytes("secret")};
  connect.will = mqtt::Will{.topic = "w",
                            .payload = mqtt::as_bytes("gone"),
                            .qos = mqtt::Qos::at_least_once,
                            .retain = true,
                            .delay_interval_seconds = 5,
                            .message_expiry_interval_seconds = 7,
                            .properties = content_type.view()};
  connect.session_expiry_interval_seconds = 3600;
  connect.receive_maximum = 20;
  const std::string will_properties = u8(0x18) + u32(5) + u8(0x02) + u32(7) + u8(0x03) + text("t");
  CHECK(written([&](auto& out) { encode(connect, out); }) ==
        vectors::packet(0x10, text("MQTT") + u8(5) + u8(0xEC) + u16(60) +
                                  block(u8(0x11) + u32(3600) + u8(0x21) + u16(20)) + text("c") +
                                  block(will_properties) + text("w") + text("gone") + text("user") +
                                  text("secret")));
}
