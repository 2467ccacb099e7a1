#include "broker/wire/publish.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string_view>
#include <vector>

#include "test/vectors/build.h"
#include "test/wire/reader.h"

using mqtt::decode_publish;
using mqtt::OutgoingPublish;
using mqtt::PacketId;
using mqtt::Publish;
using mqtt::Qos;
using mqtt::Version;
using vectors::block;
using vectors::packet;
using vectors::text;
using vectors::u16;
using vectors::u32;
using vectors::u8;
using vectors::varint;

namespace {

constexpr int topic_alias_invalid = 0x94;

int verdict(const std::string& bytes, Version version) {
  return refusal(decode_publish(frame_of(bytes), version));
}

/// PUBLISH in 5.0, QoS 0, with these properties.
std::string with(const std::string& properties, std::string_view topic = "a/b") {
  return packet(0x30, text(topic) + block(properties) + "payload");
}

std::string encoded(const OutgoingPublish& publish, Version version) {
  return written([&](auto& out) { encode(publish, version, out); });
}

std::string forwarded(const std::string& properties) {
  return written([&](auto& out) { forwarded_properties(mqtt::as_bytes(properties), out); });
}

const std::string user_property = u8(0x26) + text("k") + text("v");

}  // namespace

TEST_CASE("a PUBLISH comes apart into what its flags and fields say", "[publish]") {
  const std::string bytes = packet(0x3B, text("a/b") + u16(258) + block("") + "payload");
  const auto publish = decode_publish(frame_of(bytes), Version::v5_0);
  REQUIRE(publish);
  CHECK(publish->topic == "a/b");
  CHECK(mqtt::as_text(publish->payload) == "payload");
  CHECK(publish->packet_id == PacketId{258});
  CHECK(publish->qos == Qos::at_least_once);
  CHECK(publish->retain);
  CHECK(publish->dup);
  CHECK(publish->properties.empty());
  CHECK_FALSE(publish->properties_need_cutting);
}

TEST_CASE("QoS is never 3 [MQTT-3.3.1-4] [MQTT3-3.3.1-4]", "[publish]") {
  const std::string bytes = packet(0x36, text("a") + u16(1) + block(""));
  for (const Version version : {Version::v3_1, Version::v3_1_1, Version::v5_0}) {
    CHECK(verdict(bytes, version) == malformed);
  }
}

TEST_CASE("a QoS 0 PUBLISH has DUP 0 [MQTT-3.3.1-2] [MQTT3-3.3.1-2]", "[publish]") {
  const std::string bytes = packet(0x38, text("a") + block(""));
  CHECK(verdict(bytes, Version::v5_0) == malformed);
  CHECK(verdict(bytes, Version::v3_1_1) == malformed);
  CHECK(verdict(bytes, Version::v3_1) == accepted);
}

TEST_CASE(
    "above QoS 0 there is a packet identifier, and it is not 0 "
    "[MQTT-2.2.1-3] [MQTT3-2.3.1-1]",
    "[publish]") {
  const unsigned first = GENERATE(0x32U, 0x34U);
  const auto version = GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0);
  const std::string none = version == Version::v5_0 ? block("") : "";
  CHECK(verdict(packet(first, text("a") + u16(1) + none), version) == accepted);
  CHECK(verdict(packet(first, text("a") + u16(0) + none), version) == protocol_error);
  CHECK(verdict(packet(first, text("a") + u8(1)), version) == malformed);
}

TEST_CASE("a PUBLISH with QoS 0 has no packet identifier [MQTT-2.2.1-2] [MQTT3-2.3.1-5]",
          "[publish]") {
  const std::string bytes = packet(0x30, text("a") + u16(1));
  const auto publish = decode_publish(frame_of(bytes), Version::v3_1_1);
  REQUIRE(publish);
  CHECK(publish->packet_id == PacketId{0});
  CHECK(mqtt::as_text(publish->payload) == u16(1));  // payload, not identifier
  const OutgoingPublish outgoing{.topic = "a", .packet_id = PacketId{7}};
  CHECK(encoded(outgoing, Version::v3_1_1) == packet(0x30, text("a")));
}

TEST_CASE("the topic name is the first field and is UTF-8 [MQTT-3.3.2-1] [MQTT3-3.3.2-1]",
          "[publish]") {
  CHECK(verdict(packet(0x30, ""), Version::v3_1_1) == malformed);
  CHECK(verdict(packet(0x30, u16(3) + "ab"), Version::v3_1_1) == malformed);
  CHECK(verdict(packet(0x30, text("a\xFF")), Version::v3_1_1) == malformed);
}

TEST_CASE("a topic name has no wildcard [MQTT-3.3.2-2] [MQTT3-3.3.2-2]", "[publish]") {
  const std::string topic = GENERATE("+", "#", "a/+/b", "a/#", "a+");
  CHECK(verdict(packet(0x30, text(topic)), Version::v3_1_1) == malformed);
  CHECK(verdict(with("", topic), Version::v5_0) == malformed);
}

TEST_CASE("an alias may stand for the topic, and without one there is no empty topic",
          "[publish]") {
  const std::string bytes = with(u8(0x23) + u16(7), "");
  const auto publish = decode_publish(frame_of(bytes), Version::v5_0);
  REQUIRE(publish);
  CHECK(publish->topic.empty());
  CHECK(publish->topic_alias == 7);
  CHECK(verdict(with("", ""), Version::v5_0) == malformed);
  CHECK(verdict(packet(0x30, text("")), Version::v3_1_1) == malformed);
}

TEST_CASE("topic alias 0 is refused [MQTT-3.3.2-8]", "[publish]") {
  CHECK(verdict(with(u8(0x23) + u16(0)), Version::v5_0) == topic_alias_invalid);
}

TEST_CASE("a client's PUBLISH carries no subscription identifier [MQTT-3.3.4-6]", "[publish]") {
  CHECK(verdict(with(u8(0x0B) + u8(1)), Version::v5_0) == protocol_error);
}

TEST_CASE("a response topic with a wildcard is refused [MQTT-3.3.2-14]", "[publish]") {
  CHECK(verdict(with(u8(0x08) + text("a/#")), Version::v5_0) == protocol_error);
}

TEST_CASE("a payload that contradicts its format indicator is passed on unchecked", "[publish]") {
  const std::string bytes = packet(0x30, text("a") + block(u8(1) + u8(1)) + "\xFF\xFE");
  CHECK(verdict(bytes, Version::v5_0) == accepted);
}

TEST_CASE("what the broker itself reads of the properties is noted", "[publish]") {
  const std::string properties = user_property + u8(0x02) + u32(600) + u8(0x23) + u16(3);
  const std::string bytes = with(properties);
  const auto publish = decode_publish(frame_of(bytes), Version::v5_0);
  REQUIRE(publish);
  CHECK(publish->message_expiry_interval_seconds == 600U);
  CHECK(publish->topic_alias == 3);
  CHECK(mqtt::as_text(publish->properties) == properties);
  CHECK(publish->properties_need_cutting);
  const std::string simple = with(user_property);
  CHECK_FALSE(decode_publish(frame_of(simple), Version::v5_0)->properties_need_cutting);
}

TEST_CASE(
    "subscribers get these properties unaltered [MQTT-3.3.2-4] [MQTT-3.3.2-15] "
    "[MQTT-3.3.2-16] [MQTT-3.3.2-17] [MQTT-3.3.2-20]",
    "[publish]") {
  const std::string property =
      GENERATE(u8(0x01) + u8(1), u8(0x08) + text("answers/here"),
               u8(0x09) + text(std::string_view("\0\xFF", 2)), u8(0x26) + text("k") + text("v"),
               u8(0x03) + text("text/plain"));
  CHECK(forwarded(property) == property);
  CHECK(forwarded(u8(0x23) + u16(1) + property + u8(0x02) + u32(5)) == property);
}

TEST_CASE("user properties keep their order [MQTT-3.3.2-18]", "[publish]") {
  std::string all;
  for (const std::string key : {"z", "a", "z", "b"}) {
    all += u8(0x26) + text(key) + text("v");
  }
  CHECK(forwarded(all) == all);
  CHECK(forwarded(u8(0x02) + u32(1) + all + u8(0x23) + u16(1)) == all);
  CHECK(forwarded("").empty());
}

TEST_CASE("a PUBLISH to a client before 5.0 has no properties", "[publish]") {
  const std::array<std::uint32_t, 1> identifiers = {5};
  const OutgoingPublish publish{.topic = "a/b",
                                .payload = mqtt::as_bytes("payload"),
                                .properties = mqtt::as_bytes(user_property),
                                .packet_id = PacketId{10},
                                .qos = Qos::exactly_once,
                                .retain = true,
                                .dup = true,
                                .message_expiry_interval_seconds = 60,
                                .subscription_identifiers = identifiers};
  for (const Version version : {Version::v3_1, Version::v3_1_1}) {
    CHECK(encoded(publish, version) == packet(0x3D, text("a/b") + u16(10) + "payload"));
  }
}

TEST_CASE(
    "a PUBLISH to a client carries all identifiers of its subscriptions "
    "[MQTT-3.3.4-3] [MQTT-3.3.4-4]",
    "[publish]") {
  const std::array<std::uint32_t, 4> identifiers = {1, 128, 268'435'455, 7};
  const std::string bytes = encoded(
      {.topic = "a", .payload = mqtt::as_bytes("p"), .subscription_identifiers = identifiers},
      Version::v5_0);
  Reader reader(bytes);
  CHECK(reader.header() == 0x30);
  CHECK(reader.text() == "a");
  const std::string properties = reader.take(reader.varint());
  CHECK(reader.rest() == "p");
  Reader inside(properties);
  for (const std::uint32_t identifier : identifiers) {
    CHECK(inside.u8() == 0x0B);
    CHECK(inside.varint() == identifier);
  }
  CHECK(inside.at_end());
}

TEST_CASE("a PUBLISH to a client carries what the publisher sent, expiry and alias in that order",
          "[publish]") {
  const OutgoingPublish publish{.topic = "",
                                .payload = mqtt::as_bytes("p"),
                                .properties = mqtt::as_bytes(user_property),
                                .packet_id = PacketId{3},
                                .qos = Qos::at_least_once,
                                .topic_alias = 9,
                                .message_expiry_interval_seconds = 0};
  CHECK(encoded(publish, Version::v5_0) ==
        packet(0x32, text("") + u16(3) +
                         block(user_property + u8(0x02) + u32(0) + u8(0x23) + u16(9)) + "p"));
}

TEST_CASE("a QoS 0 PUBLISH never leaves with DUP [MQTT-3.3.1-2] [MQTT3-3.3.1-2]", "[publish]") {
  const OutgoingPublish publish{.topic = "a", .dup = true};
  CHECK(encoded(publish, Version::v3_1_1) == packet(0x30, text("a")));
}

TEST_CASE("the size is known before the packet is written [MQTT-3.1.2-24]", "[publish]") {
  const std::size_t payload_size = GENERATE(0U, 1U, 100U, 121U, 122U, 123U, 124U, 125U, 126U,
                                            16'376U, 16'380U, 16'384U, 2'097'150U);
  const auto qos = GENERATE(Qos::at_most_once, Qos::at_least_once);
  const auto version = GENERATE(Version::v3_1_1, Version::v5_0);
  const std::string payload(payload_size, 'x');
  const std::array<std::uint32_t, 2> identifiers = {1, 300};
  const OutgoingPublish publish{.topic = "a/b",
                                .payload = mqtt::as_bytes(payload),
                                .properties = mqtt::as_bytes(user_property),
                                .packet_id = PacketId{77},
                                .qos = qos,
                                .topic_alias = 1,
                                .message_expiry_interval_seconds = 1,
                                .subscription_identifiers = identifiers};
  mqtt::ByteBuffer out;
  out.append(std::string_view("before"));
  const auto places = encode(publish, version, out);
  CHECK(places.size_bytes == encoded_size(publish, version));
  CHECK(out.size() == 6 + places.size_bytes);
  mqtt::ByteBuffer header;
  const auto header_places = encode_header(publish, version, header);
  CHECK(header_places.size_bytes == places.size_bytes);
  CHECK(header.size() + payload_size == places.size_bytes);
  Reader reader(mqtt::as_text(out.view()).substr(6));
  CHECK(reader.header() == (qos == Qos::at_most_once ? 0x30U : 0x32U));
  if (qos == Qos::at_most_once) {
    CHECK(places.packet_id_offset == 0);
  } else {
    const std::byte* const id = out.data() + 6 + places.packet_id_offset;
    CHECK(std::to_integer<int>(id[0]) == 0);
    CHECK(std::to_integer<int>(id[1]) == 77);
  }
}

TEST_CASE("what is encoded for a client decodes to the same, as if it were sent back",
          "[publish]") {
  const auto version = GENERATE(Version::v3_1, Version::v3_1_1, Version::v5_0);
  const auto qos = GENERATE(Qos::at_most_once, Qos::at_least_once, Qos::exactly_once);
  const OutgoingPublish sent{
      .topic = "caf\xC3\xA9/1",
      .payload = mqtt::as_bytes("payload"),
      .properties = mqtt::as_bytes(user_property),
      .packet_id = PacketId{static_cast<std::uint16_t>(qos == Qos::at_most_once ? 0 : 512)},
      .qos = qos,
      .retain = true,
      .message_expiry_interval_seconds = 9};
  const std::string bytes = encoded(sent, version);
  const auto got = decode_publish(frame_of(bytes), version);
  REQUIRE(got);
  CHECK(got->topic == sent.topic);
  CHECK(mqtt::as_text(got->payload) == "payload");
  CHECK(got->packet_id == sent.packet_id);
  CHECK(got->qos == qos);
  CHECK(got->retain);
  if (version == Version::v5_0) {
    CHECK(got->message_expiry_interval_seconds == 9U);
    CHECK(forwarded(std::string(mqtt::as_text(got->properties))) == user_property);
  }
}

TEST_CASE("a server's PUBLISH has subscription identifiers, in their order", "[publish]") {
  const std::string bytes = packet(0x30, text("a") + block(u8(0x0B) + varint(5) + u8(0x03) +
                                                           text("t") + u8(0x0B) + varint(300)));
  const auto publish = decode_publish(frame_of(bytes), Version::v5_0, mqtt::Side::server);
  REQUIRE(publish);
  std::vector<std::uint32_t> identifiers;
  mqtt::for_each_subscription_identifier(
      publish->properties, [&](std::uint32_t identifier) { identifiers.push_back(identifier); });
  CHECK(identifiers == std::vector<std::uint32_t>{5, 300});
  CHECK(publish->properties_need_cutting);
}

TEST_CASE("a server's topic may have more levels than this broker takes", "[publish]") {
  const std::string bytes = packet(0x30, text(std::string(300, '/')));
  CHECK(refusal(decode_publish(frame_of(bytes), Version::v3_1_1, mqtt::Side::server)) == accepted);
  CHECK(refusal(decode_publish(frame_of(bytes), Version::v3_1_1)) == malformed);
  const std::string wild = packet(0x30, text("a/+"));
  CHECK(refusal(decode_publish(frame_of(wild), Version::v3_1_1, mqtt::Side::server)) == malformed);
}

TEST_CASE("properties that come from elsewhere are those that subscribers get, or are refused",
          "[publish]") {
  const auto checked = [](const std::string& properties) {
    return refusal(mqtt::check_forwarded_properties(mqtt::as_bytes(properties)));
  };
  CHECK(checked("") == accepted);
  CHECK(checked(u8(0x03) + text("t") + u8(0x26) + text("k") + text("v")) == accepted);
  CHECK(checked(u8(0x23) + u16(1)) == malformed);
  CHECK(checked(u8(0x02) + u32(1)) == malformed);
  CHECK(checked(u8(0x0B) + varint(1)) == malformed);
  CHECK(checked(u8(0x03)) == malformed);
}
