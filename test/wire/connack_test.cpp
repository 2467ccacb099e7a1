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
