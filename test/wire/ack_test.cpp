#include "broker/wire/ack.h"

#include <catch2/catch.hpp>

#include "test/vectors/build.h"
#include "test/wire/reader.h"

using mqtt::Ack;
using mqtt::decode_ack;
using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Reason;
using mqtt::Version;
using vectors::block;
using vectors::packet;
using vectors::text;
using vectors::u16;
using vectors::u32;
using vectors::u8;

namespace {

constexpr Version versions[] = {Version::v3_1, Version::v3_1_1, Version::v5_0};

/// Which of the 256 reason codes a packet may carry.
std::string allowed_reasons(unsigned first_byte) {
  std::string allowed;
  for (unsigned code = 0; code < 256; ++code) {
    const std::string bytes = packet(first_byte, u16(1) + u8(code));
    const int verdict = refusal(decode_ack(frame_of(bytes), Version::v5_0));
    if (verdict == accepted) allowed += u8(code);
    if (verdict != accepted) CHECK(verdict == protocol_error);
  }
  return allowed;
}

const std::string to_a_publish("\x00\x10\x80\x83\x87\x90\x91\x97\x99", 9);
const std::string to_a_release("\x00\x92", 2);

std::string encoded(const Ack& ack, Version version) {
  return written([&](auto& out) { encode(ack, version, out); });
}

}  // namespace

TEST_CASE("an acknowledgement of two bytes is a success, in every version", "[ack]") {
  for (const Version version : versions) {
    for (const unsigned first : {0x40U, 0x50U, 0x62U, 0x70U}) {
      const std::string bytes = packet(first, u16(0x1234));
      const auto ack = decode_ack(frame_of(bytes), version);
      REQUIRE(ack);
      CHECK(ack->type == static_cast<PacketType>(first / 16));
      CHECK(ack->packet_id == PacketId{0x1234});
      CHECK(ack->reason == Reason::success);
    }
  }
}

TEST_CASE("PUBACK uses one of its own reason codes [MQTT-3.4.2-1]", "[ack]") {
  CHECK(allowed_reasons(0x40) == to_a_publish);
}

TEST_CASE("PUBREC uses one of its own reason codes [MQTT-3.5.2-1]", "[ack]") {
  CHECK(allowed_reasons(0x50) == to_a_publish);
}

TEST_CASE("PUBREL uses one of its own reason codes [MQTT-3.6.2-1]", "[ack]") {
  CHECK(allowed_reasons(0x62) == to_a_release);
}

TEST_CASE("PUBCOMP uses one of its own reason codes [MQTT-3.7.2-1]", "[ack]") {
  CHECK(allowed_reasons(0x70) == to_a_release);
}

TEST_CASE(
    "an acknowledgement names the packet it answers: identifier 0 is none "
    "[MQTT-2.2.1-5] [MQTT3-2.3.1-6]",
    "[ack]") {
  for (const Version version : versions) {
    CHECK(refusal(decode_ack(frame_of(packet(0x40, u16(0))), version)) == protocol_error);
    CHECK(refusal(decode_ack(frame_of(packet(0x40, u8(1))), version)) == malformed);
    CHECK(refusal(decode_ack(frame_of(packet(0x40, "")), version)) == malformed);
  }
}

TEST_CASE("before 5.0 an acknowledgement has two bytes", "[ack]") {
  const std::string bytes = packet(0x40, u16(1) + u8(0));
  CHECK(refusal(decode_ack(frame_of(bytes), Version::v3_1_1)) == malformed);
  CHECK(refusal(decode_ack(frame_of(bytes), Version::v3_1)) == malformed);
}

TEST_CASE("a reason string and user properties are read, nothing else is", "[ack]") {
  const auto body = [](const std::string& properties) {
    return packet(0x50, u16(1) + u8(0x97) + block(properties));
  };
  const std::string why = body(u8(0x26) + text("k") + text("v") + u8(0x1F) + text("quota"));
  const auto ack = decode_ack(frame_of(why), Version::v5_0);
  REQUIRE(ack);
  CHECK(ack->reason == Reason::quota_exceeded);
  CHECK(ack->reason_string == "quota");
  CHECK(refusal(decode_ack(frame_of(body(u8(0x02) + u32(1))), Version::v5_0)) == malformed);
  const std::string longer = packet(0x50, u16(1) + u8(0) + block("") + u8(0));
  CHECK(refusal(decode_ack(frame_of(longer), Version::v5_0)) == malformed);
}

TEST_CASE("success is written in two bytes, a reason in three", "[ack]") {
  const Ack success{.type = PacketType::puback, .packet_id = PacketId{5}};
  Ack failure = success;
  failure.reason = Reason::no_matching_subscribers;
  for (const Version version : versions) {
    CHECK(encoded(success, version) == packet(0x40, u16(5)));
  }
  CHECK(encoded(failure, Version::v5_0) == packet(0x40, u16(5) + u8(0x10)));
  CHECK(encoded(failure, Version::v3_1_1) == packet(0x40, u16(5)));
  failure.reason_string = "nobody";
  CHECK(encoded(failure, Version::v5_0) ==
        packet(0x40, u16(5) + u8(0x10) + block(u8(0x1F) + text("nobody"))));
  CHECK(encoded(failure, Version::v3_1) == packet(0x40, u16(5)));
}

TEST_CASE("PUBREL leaves with flags 0010, the others with 0 [MQTT-3.6.1-1] [MQTT3-3.6.1-1]",
          "[ack]") {
  const auto first_byte = [](PacketType type) {
    return Reader(encoded({.type = type, .packet_id = PacketId{1}}, Version::v5_0)).header();
  };
  CHECK(first_byte(PacketType::puback) == 0x40);
  CHECK(first_byte(PacketType::pubrec) == 0x50);
  CHECK(first_byte(PacketType::pubrel) == 0x62);
  CHECK(first_byte(PacketType::pubcomp) == 0x70);
}
