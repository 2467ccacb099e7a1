#include "broker/wire/connack.h"

#include <catch2/catch.hpp>

#include "test/vectors/build.h"
#include "test/wire/reader.h"

using mqtt::Connack;
using mqtt::Reason;
using mqtt::Version;
using vectors::block;
using vectors::packet;
using vectors::text;
using vectors::u16;
using vectors::u32;
using vectors::u8;

namespace {

std::string encoded(const Connack& packet, Version version) {
  return written([&](auto& out) { encode(packet, version, out); });
}

}  // namespace

TEST_CASE("a CONNACK without properties is as short as can be", "[connack]") {
  CHECK(encoded({}, Version::v3_1) == packet(0x20, u16(0)));
  CHECK(encoded({}, Version::v3_1_1) == packet(0x20, u16(0)));
  CHECK(encoded({}, Version::v5_0) == packet(0x20, u16(0) + block("")));
}

TEST_CASE("session present is bit 0, and the other bits are 0 [MQTT-3.2.2-1]", "[connack]") {
  const Connack present{.session_present = true};
  CHECK(encoded(present, Version::v3_1) == packet(0x20, u8(0) + u8(0)));  // 3.1 had no such flag
  CHECK(encoded(present, Version::v3_1_1) == packet(0x20, u8(1) + u8(0)));
  CHECK(encoded(present, Version::v5_0) == packet(0x20, u8(1) + u8(0) + block("")));
}

TEST_CASE("a refusal carries session present 0 [MQTT-3.2.2-6] [MQTT3-3.2.2-4]", "[connack]") {
  const Connack refused{.session_present = true, .reason = Reason::not_authorized};
  CHECK(encoded(refused, Version::v3_1_1) == packet(0x20, u8(0) + u8(5)));
  CHECK(encoded(refused, Version::v5_0) == packet(0x20, u8(0) + u8(0x87) + block("")));
}

TEST_CASE("properties stand in Mosquitto's order", "[connack]") {
  const Connack all{
      .topic_alias_maximum = 10,
      .assigned_client_identifier = "auto-1",
      .server_keep_alive_seconds = 60,
      .retain_available = false,
      .maximum_packet_size_bytes = 2'000'000,
      .receive_maximum = 20,
      .maximum_qos = 1,
      .session_expiry_interval_seconds = 3600,
      .response_information = "answers/",
      .authentication_method = "PLAIN",
      .reason_string = "welcome",
  };
  const std::string properties =
      u8(0x13) + u16(60) + u8(0x22) + u16(10) + u8(0x12) + text("auto-1") + u8(0x25) + u8(0) +
      u8(0x27) + u32(2'000'000) + u8(0x21) + u16(20) + u8(0x24) + u8(1) + u8(0x11) + u32(3600) +
      u8(0x1A) + text("answers/") + u8(0x15) + text("PLAIN") + u8(0x1F) + text("welcome");
  CHECK(encoded(all, Version::v5_0) == packet(0x20, u16(0) + block(properties)));
  CHECK(encoded(all, Version::v3_1_1) == packet(0x20, u16(0)));
}

TEST_CASE("before 5.0 a reason becomes a return code of 0 to 5", "[connack]") {
  const auto [reason, code] = GENERATE(table<Reason, unsigned>({
      {Reason::success, 0},
      {Reason::unsupported_protocol_version, 1},
      {Reason::client_identifier_not_valid, 2},
      {Reason::server_unavailable, 3},
      {Reason::server_busy, 3},
      {Reason::quota_exceeded, 3},
      {Reason::bad_user_name_or_password, 4},
      {Reason::bad_authentication_method, 4},
      {Reason::not_authorized, 5},
      {Reason::banned, 5},
  }));
  CHECK(mqtt::connect_return_code(reason) == code);
  CHECK(encoded({.reason = reason}, Version::v3_1) == packet(0x20, u8(0) + u8(code)));
}

namespace {

int connecting(const std::string& body, Version version) {
  const std::string bytes = packet(0x20, body);
  return refusal(mqtt::decode_connack(frame_of(bytes), version));
}

}  // namespace

TEST_CASE("a client reads every property of a CONNACK", "[connack]") {
  const std::string user = u8(0x26) + text("k") + text("v");
  const std::string bytes =
      packet(0x20, u8(1) + u8(0) +
                       block(u8(0x13) + u16(60) + u8(0x22) + u16(10) + u8(0x12) + text("auto-1") +
                             u8(0x25) + u8(0) + u8(0x27) + u32(2'000'000) + u8(0x21) + u16(20) +
                             u8(0x24) + u8(1) + u8(0x11) + u32(3600) + u8(0x28) + u8(0) + u8(0x29) +
                             u8(1) + u8(0x2A) + u8(0) + u8(0x1A) + text("answers/") + u8(0x1C) +
                             text("other") + u8(0x15) + text("PLAIN") + u8(0x16) + text("data") +
                             u8(0x1F) + text("welcome") + user));
  const auto connack = mqtt::decode_connack(frame_of(bytes), Version::v5_0);
  REQUIRE(connack);
  CHECK(connack->session_present);
  CHECK(connack->server_keep_alive_seconds == 60);
  CHECK(connack->topic_alias_maximum == 10);
  CHECK(connack->assigned_client_identifier == "auto-1");
  CHECK(connack->retain_available == false);
  CHECK(connack->maximum_packet_size_bytes == 2'000'000U);
  CHECK(connack->receive_maximum == 20);
  CHECK(connack->maximum_qos == 1);
  CHECK(connack->session_expiry_interval_seconds == 3600U);
  CHECK(connack->wildcard_subscription_available == false);
  CHECK(connack->subscription_identifiers_available == true);
  CHECK(connack->shared_subscription_available == false);
  CHECK(connack->response_information == "answers/");
  CHECK(connack->server_reference == "other");
  CHECK(connack->authentication_method == "PLAIN");
  REQUIRE(connack->authentication_data);
  CHECK(mqtt::as_text(*connack->authentication_data) == "data");
  CHECK(connack->reason_string == "welcome");
  CHECK_FALSE(connack->user_properties.empty());
  CHECK(encoded(*connack, Version::v5_0) == bytes);
}

TEST_CASE("a client takes a return code of 0 to 5, and no other (3.1.1, section 3.2.2.3)",
          "[connack]") {
  for (unsigned code = 0; code < 256; ++code) {
    CAPTURE(code);
    CHECK(connecting(u8(0) + u8(code), Version::v3_1_1) == (code <= 5 ? accepted : protocol_error));
  }
  const std::string bytes = packet(0x20, u8(0) + u8(5));
  CHECK(mqtt::decode_connack(frame_of(bytes), Version::v3_1)->reason == Reason::not_authorized);
}

TEST_CASE("a client of 5.0 understands the refusal of a server that knows 3.1.1 alone",
          "[connack]") {
  const std::string bytes = packet(0x20, u8(0) + u8(1));
  const auto connack = mqtt::decode_connack(frame_of(bytes), Version::v5_0);
  REQUIRE(connack);
  CHECK(connack->reason == Reason::unsupported_protocol_version);
  CHECK(connecting(u8(0) + u8(0), Version::v5_0) == malformed);
}

TEST_CASE("a client refuses acknowledge flags that are reserved, and a refusal with a session",
          "[connack]") {
  CHECK(connecting(u8(2) + u8(0), Version::v3_1_1) == malformed);
  CHECK(connecting(u8(2) + u8(0), Version::v3_1) == accepted);  // not used there
  CHECK(connecting(u8(1) + u8(5), Version::v3_1_1) == protocol_error);
  CHECK(connecting(u8(1) + u8(0x87) + block(""), Version::v5_0) == protocol_error);
}
