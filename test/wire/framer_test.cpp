#include "broker/wire/framer.h"

#include <catch2/catch.hpp>

#include "test/vectors/build.h"
#include "test/wire/reader.h"

using mqtt::next_frame;
using vectors::packet;

namespace {

constexpr std::size_t any_size = 300'000'000;
constexpr int packet_too_large = 0x95;

mqtt::Bytes bytes_of(const std::string& text) { return mqtt::as_bytes(text); }

}  // namespace

TEST_CASE("a frame is type, flags and body, and the next begins behind it", "[framer]") {
  const std::string stream = packet(0x3D, "body") + packet(0xC0, "");
  const auto first = next_frame(bytes_of(stream), any_size);
  REQUIRE(first);
  REQUIRE(*first);
  CHECK((*first)->type == mqtt::PacketType::publish);
  CHECK((*first)->flags == 0x0D);
  CHECK(mqtt::as_text((*first)->body) == "body");
  CHECK((*first)->body.data() == bytes_of(stream).data() + 2);
  CHECK((*first)->size_bytes == 6);
  const auto second = next_frame(bytes_of(stream).subspan(6), any_size);
  REQUIRE(second);
  REQUIRE(*second);
  CHECK((*second)->type == mqtt::PacketType::pingreq);
  CHECK((*second)->body.empty());
}

TEST_CASE("a packet that comes byte by byte is there with its last byte", "[framer]") {
  const auto size = GENERATE(0U, 1U, 127U, 128U, 16'383U, 16'384U);
  const std::string stream = packet(0x30, std::string(size, 'x'));
  CAPTURE(size);
  for (std::size_t come = 0; come < stream.size(); come += 1 + come / 64) {
    const auto frame = next_frame(bytes_of(stream).first(come), any_size);
    REQUIRE(frame);
    REQUIRE_FALSE(*frame);
  }
  const auto whole = next_frame(bytes_of(stream), any_size);
  REQUIRE(whole);
  REQUIRE(*whole);
  CHECK((*whole)->size_bytes == stream.size());
}

TEST_CASE(
    "reserved flag bits carry the listed values "
    "[MQTT-2.1.3-1] [MQTT3-2.2.2-1] [MQTT3-2.2.2-2]",
    "[framer]") {
  for (unsigned first = 0; first < 256; ++first) {
    const unsigned type = first / 16;
    const unsigned flags = first % 16;
    const bool with_two = type == 6 || type == 8 || type == 10;
    const bool good = type == 1 || type == 3 || flags == (with_two ? 2 : 0);
    CAPTURE(type, flags);
    CHECK(refusal(next_frame(bytes_of(packet(first, "")), any_size)) == (type == 0 ? protocol_error
                                                                         : good    ? accepted
                                                                                   : malformed));
  }
}

TEST_CASE(
    "flags other than 0010 make PUBREL, SUBSCRIBE and UNSUBSCRIBE malformed "
    "[MQTT-3.6.1-1] [MQTT-3.8.1-1] [MQTT-3.10.1-1] "
    "[MQTT3-3.6.1-1] [MQTT3-3.8.1-1] [MQTT3-3.10.1-1]",
    "[framer]") {
  const unsigned type = GENERATE(6U, 8U, 10U);
  for (unsigned flags = 0; flags < 16; ++flags) {
    const std::string bytes = packet(type * 16 + flags, "");
    CHECK(refusal(next_frame(bytes_of(bytes), any_size)) == (flags == 2 ? accepted : malformed));
  }
}

TEST_CASE(
    "flags other than 0 make DISCONNECT and AUTH malformed "
    "[MQTT-3.14.1-1] [MQTT-3.15.1-1] [MQTT3-3.14.1-1]",
    "[framer]") {
  const unsigned type = GENERATE(14U, 15U);
  for (unsigned flags = 0; flags < 16; ++flags) {
    const std::string bytes = packet(type * 16 + flags, "");
    CHECK(refusal(next_frame(bytes_of(bytes), any_size)) == (flags == 0 ? accepted : malformed));
  }
}

TEST_CASE("a bad first byte is refused before a second one comes", "[framer]") {
  CHECK(refusal(next_frame(bytes_of("G"), any_size)) == malformed);
  CHECK(refusal(next_frame(bytes_of(std::string(1, '\0')), any_size)) == protocol_error);
}

TEST_CASE("the flags of a 3.1 packet have no rule: PUBREL, SUBSCRIBE and UNSUBSCRIBE come with DUP",
          "[framer]") {
  for (unsigned first = 0x10; first < 0x100; ++first) {
    CAPTURE(first);
    const std::string bytes = packet(first, "");
    CHECK(refusal(next_frame(bytes_of(bytes), any_size, mqtt::Version::v3_1)) == accepted);
  }
  CHECK(refusal(next_frame(bytes_of(packet(0x00, "")), any_size, mqtt::Version::v3_1)) ==
        protocol_error);
}

TEST_CASE("the promised size is readable as soon as the header is there", "[framer]") {
  CHECK(mqtt::promised_size(bytes_of("")) == 0);
  CHECK(mqtt::promised_size(bytes_of("\x30")) == 0);
  CHECK(mqtt::promised_size(bytes_of("\x30\x80\x80\x80\x80")) == 0);
  CHECK(mqtt::promised_size(bytes_of(vectors::u8(0x30) + vectors::varint(2'000'000))) == 2'000'004);
  CHECK(mqtt::promised_size(bytes_of(packet(0x30, "abc") + "more")) == 5);
}

TEST_CASE("a remaining length of five bytes is refused, an unfinished one waits", "[framer]") {
  CHECK(refusal(next_frame(bytes_of("\x30\x80\x80\x80\x80"), any_size)) == malformed);
  const auto unfinished = next_frame(bytes_of("\x30\x80\x80\x80"), any_size);
  REQUIRE(unfinished);
  CHECK_FALSE(*unfinished);
}

TEST_CASE("a packet too large is refused as soon as its header is there", "[framer]") {
  const auto [body_size, limit, expected] = GENERATE(table<unsigned, unsigned, int>({
      {8, 10, accepted},
      {9, 10, packet_too_large},
      {127, 129, accepted},
      {128, 130, packet_too_large},
      {128, 131, accepted},
      {268'435'455, 268'435'459, packet_too_large},
      {268'435'455, 268'435'460, accepted},
  }));
  CAPTURE(body_size, limit);
  const std::string header = vectors::u8(0x30) + vectors::varint(body_size);
  const auto frame = next_frame(bytes_of(header), limit);
  CHECK(refusal(frame) == expected);
  if (frame) CHECK_FALSE(*frame);
}

TEST_CASE("a fixed header is written in its shortest form", "[framer]") {
  const std::size_t size = GENERATE(0U, 127U, 128U, 268'435'455U);
  const std::string header =
      written([&](auto& out) { mqtt::write_fixed_header(out, mqtt::PacketType::pubrel, 2, size); });
  CHECK(header == vectors::u8(0x62) + vectors::varint(size));
  CHECK(mqtt::fixed_header_size(size) == header.size());
}

TEST_CASE("every packet type has its name", "[framer]") {
  CHECK(mqtt::name_of(mqtt::PacketType::connect) == "CONNECT");
  CHECK(mqtt::name_of(mqtt::PacketType::publish) == "PUBLISH");
  CHECK(mqtt::name_of(mqtt::PacketType::pubcomp) == "PUBCOMP");
  CHECK(mqtt::name_of(mqtt::PacketType::unsuback) == "UNSUBACK");
  CHECK(mqtt::name_of(mqtt::PacketType::auth) == "AUTH");
}

TEST_CASE("what a packet lacks is known once its header is whole", "[framer]") {
  const std::string stream = packet(0x30, std::string(200, 'x'));
  CHECK(mqtt::bytes_missing({}) == 1);
  CHECK(mqtt::bytes_missing(bytes_of(stream).first(1)) == 1);
  CHECK(mqtt::bytes_missing(bytes_of(stream).first(2)) == 1);
  CHECK(mqtt::bytes_missing(bytes_of(stream).first(3)) == 200);
  CHECK(mqtt::bytes_missing(bytes_of(stream).first(202)) == 1);
  CHECK(mqtt::bytes_missing(bytes_of(stream + "behind")) == 0);
  CHECK(mqtt::bytes_missing(bytes_of("\x30\xFF\xFF\xFF\xFF\x01")) == 0);
}

TEST_CASE("short and long packets obey the same rules", "[framer]") {
  for (const auto version : {mqtt::Version::v3_1, mqtt::Version::v3_1_1, mqtt::Version::v5_0}) {
    for (unsigned first = 0; first < 256; ++first) {
      const std::string shorter = packet(first, std::string(127, 'x'));
      const std::string longer = packet(first, std::string(128, 'x'));
      CAPTURE(first);
      CHECK(next_frame(bytes_of(shorter), any_size, version).has_value() ==
            next_frame(bytes_of(longer), any_size, version).has_value());
    }
  }
  const std::string whole = packet(0x30, "four");
  CHECK(next_frame(bytes_of(whole), whole.size()).has_value());
  CHECK(refusal(next_frame(bytes_of(whole), whole.size() - 1)) == packet_too_large);
}
