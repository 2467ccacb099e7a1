#include "broker/wire/subscribe.h"

#include <array>
#include <catch2/catch.hpp>

#include "test/vectors/build.h"
#include "test/wire/reader.h"

using mqtt::decode_subscribe;
using mqtt::decode_unsubscribe;
using mqtt::PacketId;
using mqtt::Qos;
using mqtt::Reason;
using mqtt::Version;
using vectors::block;
using vectors::packet;
using vectors::text;
using vectors::u16;
using vectors::u8;
using vectors::varint;

namespace {

constexpr Version versions[] = {Version::v3_1, Version::v3_1_1, Version::v5_0};

std::string none(Version version) { return version == Version::v5_0 ? block("") : ""; }

int subscribing(const std::string& body, Version version) {
  return refusal(decode_subscribe(frame_of(packet(0x82, body)), version));
}
int unsubscribing(const std::string& body, Version version) {
  return refusal(decode_unsubscribe(frame_of(packet(0xA2, body)), version));
}
int with_options(unsigned options, Version version, std::string_view filter = "a") {
  return subscribing(u16(1) + none(version) + text(filter) + u8(options), version);
}

}  // namespace

TEST_CASE("a SUBSCRIBE comes apart into its filters and options", "[subscribe]") {
  const std::string bytes = packet(0x82, u16(9) + block(u8(0x0B) + varint(500)) + text("a/+") +
                                             u8(0x2E) + text("$share/g/b") + u8(0x11));
  const auto subscribe = decode_subscribe(frame_of(bytes), Version::v5_0);
  REQUIRE(subscribe);
  CHECK(subscribe->packet_id == PacketId{9});
  CHECK(subscribe->subscription_identifier == 500);
  REQUIRE(subscribe->entries.size() == 2);
  CHECK(subscribe->entries[0].filter == "a/+");
  CHECK(subscribe->entries[0].qos == Qos::exactly_once);
  CHECK(subscribe->entries[0].no_local);
  CHECK(subscribe->entries[0].retain_as_published);
  CHECK(subscribe->entries[0].retain_handling == mqtt::RetainHandling::do_not_send);
  CHECK(subscribe->entries[1].filter == "$share/g/b");
  CHECK(subscribe->entries[1].qos == Qos::at_least_once);
  CHECK_FALSE(subscribe->entries[1].no_local);
  CHECK(subscribe->entries[1].retain_handling == mqtt::RetainHandling::send_if_new);
}

TEST_CASE(
    "SUBSCRIBE and UNSUBSCRIBE have a packet identifier that is not 0 "
    "[MQTT-2.2.1-3] [MQTT3-2.3.1-1]",
    "[subscribe]") {
  for (const Version version : versions) {
    const std::string filter = none(version) + text("a");
    CHECK(subscribing(u16(0) + filter + u8(0), version) == malformed);
    CHECK(unsubscribing(u16(0) + filter, version) == malformed);
    CHECK(subscribing("", version) == malformed);
    CHECK(unsubscribing(u8(1), version) == malformed);
  }
}

TEST_CASE("topic filters of SUBSCRIBE are UTF-8 [MQTT-3.8.3-1] [MQTT3-3.8.3-1]", "[subscribe]") {
  for (const Version version : versions) {
    CHECK(with_options(0, version, "a/\xFF") == malformed);
    CHECK(with_options(0, version, std::string_view("a\0", 2)) == malformed);
  }
}

TEST_CASE("SUBSCRIBE has one filter at least [MQTT-3.8.3-2] [MQTT3-3.8.3-3]", "[subscribe]") {
  for (const Version version : versions) {
    CHECK(subscribing(u16(1) + none(version), version) == protocol_error);
  }
}

TEST_CASE("No Local on a shared subscription is a protocol error [MQTT-3.8.3-4]", "[subscribe]") {
  CHECK(with_options(0x04, Version::v5_0, "$share/g/a") == protocol_error);
  CHECK(with_options(0x00, Version::v5_0, "$share/g/a") == accepted);
  CHECK(with_options(0x04, Version::v5_0, "$shared/g/a") == accepted);
}

TEST_CASE("reserved bits in the subscription options are malformed [MQTT-3.8.3-5]", "[subscribe]") {
  for (const unsigned reserved : {0x40U, 0x80U, 0xC0U}) {
    CHECK(with_options(reserved, Version::v5_0) == malformed);
  }
}

TEST_CASE("QoS 3 and retain handling 3 are protocol errors in 5.0 (section 3.8.3.1)",
          "[subscribe]") {
  CHECK(with_options(0x03, Version::v5_0) == protocol_error);
  CHECK(with_options(0x30, Version::v5_0) == protocol_error);
}

TEST_CASE("before 5.0 reserved bits or QoS 3 make SUBSCRIBE malformed [MQTT3-3.8.3-4]",
          "[subscribe]") {
  for (unsigned options = 0; options < 256; ++options) {
    CAPTURE(options);
    CHECK(with_options(options, Version::v3_1_1) == (options < 3 ? accepted : malformed));
    // 3.1 gave the upper bits no meaning, and no rule.
    CHECK(with_options(options, Version::v3_1) == (options % 4 < 3 ? accepted : malformed));
  }
}

TEST_CASE("topic filters of UNSUBSCRIBE are UTF-8 [MQTT-3.10.3-1] [MQTT3-3.10.3-1]",
          "[subscribe]") {
  for (const Version version : versions) {
    CHECK(unsubscribing(u16(1) + none(version) + text("\xC3"), version) == malformed);
  }
}

TEST_CASE("UNSUBSCRIBE has one filter at least [MQTT-3.10.3-2] [MQTT3-3.10.3-2]", "[subscribe]") {
  for (const Version version : versions) {
    CHECK(unsubscribing(u16(1) + none(version), version) == protocol_error);
  }
}

TEST_CASE("an UNSUBSCRIBE comes apart into its filters", "[subscribe]") {
  for (const Version version : versions) {
    const std::string bytes = packet(0xA2, u16(7) + none(version) + text("a/b") + text("#"));
    const auto unsubscribe = decode_unsubscribe(frame_of(bytes), version);
    REQUIRE(unsubscribe);
    CHECK(unsubscribe->packet_id == PacketId{7});
    CHECK(unsubscribe->filters == std::vector<std::string_view>{"a/b", "#"});
  }
}

TEST_CASE(
    "SUBACK has one code for each filter, in their order "
    "[MQTT-3.8.4-6] [MQTT-3.9.3-1] [MQTT3-3.8.4-5] [MQTT3-3.9.3-1]",
    "[subscribe]") {
  const std::array reasons = {Reason::success, Reason::granted_qos_2, Reason::granted_qos_1,
                              Reason::unspecified_error};
  const std::string codes("\x00\x02\x01\x80", 4);
  const auto suback = [&](Version version) {
    return written([&](auto& out) { mqtt::encode_suback(PacketId{300}, reasons, version, out); });
  };
  CHECK(suback(Version::v5_0) == packet(0x90, u16(300) + block("") + codes));
  CHECK(suback(Version::v3_1_1) == packet(0x90, u16(300) + codes));
  CHECK(suback(Version::v3_1) == packet(0x90, u16(300) + codes));
}

TEST_CASE("before 5.0 SUBACK has no codes but 0, 1, 2 and 0x80 [MQTT3-3.9.3-2]", "[subscribe]") {
  const std::array reasons = {Reason::not_authorized, Reason::topic_filter_invalid,
                              Reason::granted_qos_1};
  const auto suback = [&](Version version) {
    return written([&](auto& out) { mqtt::encode_suback(PacketId{1}, reasons, version, out); });
  };
  CHECK(suback(Version::v3_1_1) == packet(0x90, u16(1) + u8(0x80) + u8(0x80) + u8(1)));
  CHECK(suback(Version::v5_0) == packet(0x90, u16(1) + block("") + u8(0x87) + u8(0x8F) + u8(1)));
}

TEST_CASE(
    "UNSUBACK has its codes in the order of the filters, and none before 5.0 "
    "[MQTT-3.11.3-1]",
    "[subscribe]") {
  const std::array reasons = {Reason::success, Reason::no_subscription_existed,
                              Reason::not_authorized};
  const auto unsuback = [&](Version version) {
    return written([&](auto& out) { mqtt::encode_unsuback(PacketId{1}, reasons, version, out); });
  };
  CHECK(unsuback(Version::v5_0) == packet(0xB0, u16(1) + block("") + u8(0) + u8(0x11) + u8(0x87)));
  CHECK(unsuback(Version::v3_1_1) == packet(0xB0, u16(1)));
}

TEST_CASE(
    "SUBACK and UNSUBACK repeat the identifier of the packet they answer "
    "[MQTT-2.2.1-6] [MQTT-3.8.4-2] [MQTT-3.10.4-5] "
    "[MQTT3-2.3.1-7] [MQTT3-3.8.4-2] [MQTT3-3.10.4-4]",
    "[subscribe]") {
  const std::array reasons = {Reason::success};
  for (const Version version : versions) {
    const std::string suback =
        written([&](auto& out) { mqtt::encode_suback(PacketId{0xABCD}, reasons, version, out); });
    const std::string unsuback =
        written([&](auto& out) { mqtt::encode_unsuback(PacketId{0xABCD}, reasons, version, out); });
    for (const std::string& bytes : {suback, unsuback}) {
      Reader reader(bytes);
      (void)reader.header();
      CHECK(reader.u16() == 0xABCD);
    }
  }
}

TEST_CASE("a SUBSCRIBE is written with its options, before 5.0 with a QoS alone", "[subscribe]") {
  const mqtt::Subscribe subscribe{
      .packet_id = PacketId{9},
      .subscription_identifier = 500,
      .entries = {{.filter = "a/+",
                   .qos = Qos::exactly_once,
                   .no_local = true,
                   .retain_as_published = true,
                   .retain_handling = mqtt::RetainHandling::do_not_send},
                  {.filter = "b", .qos = Qos::at_least_once}}};
  const auto encoded = [&](Version version) {
    return written([&](auto& out) { encode(subscribe, version, out); });
  };
  CHECK(encoded(Version::v5_0) == packet(0x82, u16(9) + block(u8(0x0B) + varint(500)) +
                                                   text("a/+") + u8(0x2E) + text("b") + u8(1)));
  for (const Version version : {Version::v3_1, Version::v3_1_1}) {
    CHECK(encoded(version) == packet(0x82, u16(9) + text("a/+") + u8(2) + text("b") + u8(1)));
  }
}

TEST_CASE("an UNSUBSCRIBE is written with its filters and user properties", "[subscribe]") {
  mqtt::ByteBuffer user;
  mqtt::write_user_property(user, "k", "v");
  const mqtt::Unsubscribe unsubscribe{.packet_id = PacketId{7},
                                      .filters = {"a", "#"},
                                      .user_properties = mqtt::UserProperties(user.view())};
  const auto encoded = [&](Version version) {
    return written([&](auto& out) { encode(unsubscribe, version, out); });
  };
  const std::string properties = block(u8(0x26) + text("k") + text("v"));
  CHECK(encoded(Version::v5_0) == packet(0xA2, u16(7) + properties + text("a") + text("#")));
  CHECK(encoded(Version::v3_1_1) == packet(0xA2, u16(7) + text("a") + text("#")));
}

TEST_CASE("a client reads SUBACK and UNSUBACK: identifier, codes, reason string", "[subscribe]") {
  const auto decoded = [](const std::string& bytes, Version version) {
    const auto answer = mqtt::decode_subscribe_answer(frame_of(bytes), version);
    REQUIRE(answer);
    return *answer;
  };
  const std::string codes = u8(1) + u8(0x87);
  const std::string bytes = packet(0x90, u16(300) + block(u8(0x1F) + text("why")) + codes);
  const auto suback = decoded(bytes, Version::v5_0);
  CHECK(suback.type == mqtt::PacketType::suback);
  CHECK(suback.packet_id == PacketId{300});
  CHECK(suback.reasons == std::vector{Reason::granted_qos_1, Reason::not_authorized});
  CHECK(suback.reason_string == "why");
  CHECK(suback.user_properties.empty());
  CHECK(written([&](auto& out) { encode(suback, Version::v5_0, out); }) == bytes);
  const std::string old = packet(0xB0, u16(300));
  const auto unsuback = decoded(old, Version::v3_1_1);
  CHECK(unsuback.type == mqtt::PacketType::unsuback);
  CHECK(unsuback.reasons.empty());
  CHECK(written([&](auto& out) { encode(unsuback, Version::v3_1_1, out); }) == old);
}

TEST_CASE("a client refuses codes that SUBACK does not have [MQTT-3.9.3-2] [MQTT3-3.9.3-2]",
          "[subscribe]") {
  const auto answering = [](unsigned first, const std::string& body, Version version) {
    const std::string bytes = packet(first, body);
    return refusal(mqtt::decode_subscribe_answer(frame_of(bytes), version));
  };
  CHECK(answering(0x90, u16(1) + u8(3), Version::v3_1_1) == protocol_error);
  CHECK(answering(0x90, u16(1) + u8(0x87), Version::v3_1_1) == protocol_error);
  CHECK(answering(0x90, u16(1) + block("") + u8(0x11), Version::v5_0) == protocol_error);
  CHECK(answering(0xB0, u16(1) + block("") + u8(1), Version::v5_0) == protocol_error);
  CHECK(answering(0x90, u16(0) + block("") + u8(0), Version::v5_0) == protocol_error);
  CHECK(answering(0x90, u16(1) + block(""), Version::v5_0) == malformed);
  CHECK(answering(0xB0, u16(1) + u8(0), Version::v3_1_1) == malformed);
}
