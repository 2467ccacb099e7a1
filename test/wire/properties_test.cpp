#include "broker/wire/properties.h"

#include <catch2/catch.hpp>

#include "test/vectors/build.h"
#include "test/wire/reader.h"

using mqtt::Property;
using mqtt::PropertyId;
using mqtt::PropertyPlace;
using mqtt::PropertyReader;
using vectors::block;
using vectors::text;
using vectors::u16;
using vectors::u32;
using vectors::u8;
using vectors::varint;

namespace {

/// What reading a whole block comes to.
int read_all(const std::string& properties, PropertyPlace place) {
  PropertyReader reader(mqtt::as_bytes(properties), place);
  Property property;
  while (true) {
    const auto more = reader.next(property);
    if (!more || !*more) return refusal(more);
  }
}

Property only_one(const std::string& properties, PropertyPlace place) {
  PropertyReader reader(mqtt::as_bytes(properties), place);
  Property property;
  const auto read = reader.next(property);
  REQUIRE(read);
  REQUIRE(*read);
  const auto end = reader.next(property);
  REQUIRE(end);
  REQUIRE_FALSE(*end);
  return property;
}

}  // namespace

TEST_CASE("a number comes out of every integer type", "[properties]") {
  CHECK(only_one(u8(0x01) + u8(1), PropertyPlace::publish).number == 1);
  CHECK(only_one(u8(0x21) + u16(0xABCD), PropertyPlace::connect).number == 0xABCD);
  CHECK(only_one(u8(0x02) + u32(0xFFFFFFFF), PropertyPlace::will).number == 0xFFFFFFFF);
  CHECK(only_one(u8(0x0B) + varint(268'435'455), PropertyPlace::subscribe).number == 268'435'455);
}

TEST_CASE("texts, pairs and data come out with their raw bytes", "[properties]") {
  const std::string type = u8(0x03) + text("text/plain");
  CHECK(only_one(type, PropertyPlace::publish).text == "text/plain");
  CHECK(mqtt::as_text(only_one(type, PropertyPlace::publish).raw) == type);
  const std::string pair = u8(0x26) + text("name") + text("value");
  const Property user = only_one(pair, PropertyPlace::puback);
  CHECK(user.name == "name");
  CHECK(user.text == "value");
  const std::string data = u8(0x09) + text(std::string_view("\0\xFF", 2));
  CHECK(mqtt::as_text(only_one(data, PropertyPlace::publish).data) ==
        std::string_view("\0\xFF", 2));
}

TEST_CASE("name and value of a string pair are both good UTF-8 [MQTT-1.5.7-1]", "[properties]") {
  const std::string good = text("good");
  const std::string bad = text("\xC3");
  CHECK(read_all(u8(0x26) + good + good, PropertyPlace::publish) == accepted);
  CHECK(read_all(u8(0x26) + bad + good, PropertyPlace::publish) == malformed);
  CHECK(read_all(u8(0x26) + good + bad, PropertyPlace::publish) == malformed);
}

TEST_CASE("response topic and content type are UTF-8 [MQTT-3.3.2-13] [MQTT-3.3.2-19]",
          "[properties]") {
  const auto place = GENERATE(PropertyPlace::publish, PropertyPlace::will);
  CHECK(read_all(u8(0x08) + text("a\xFF"), place) == malformed);
  CHECK(read_all(u8(0x03) + text("a\xFF"), place) == malformed);
}

TEST_CASE("the response topic has no wildcard [MQTT-3.3.2-14]", "[properties]") {
  const auto place = GENERATE(PropertyPlace::publish, PropertyPlace::will);
  CHECK(read_all(u8(0x08) + text("a/b"), place) == accepted);
  CHECK(read_all(u8(0x08) + text("a/+"), place) == protocol_error);
  CHECK(read_all(u8(0x08) + text("#"), place) == protocol_error);
  CHECK(read_all(u8(0x08) + text(""), place) == protocol_error);
}

TEST_CASE("properties stand once, but user properties and a server's identifiers", "[properties]") {
  const std::string expiry = u8(0x02) + u32(1);
  const std::string pair = u8(0x26) + text("a") + text("b");
  const std::string identifier = u8(0x0B) + varint(1);
  CHECK(read_all(expiry + expiry, PropertyPlace::publish) == protocol_error);
  CHECK(read_all(expiry + pair + expiry, PropertyPlace::will) == protocol_error);
  CHECK(read_all(pair + pair + pair, PropertyPlace::publish) == accepted);
  CHECK(read_all(identifier + identifier, PropertyPlace::publish) == accepted);
  CHECK(read_all(identifier + identifier, PropertyPlace::subscribe) == protocol_error);
}

TEST_CASE("a property in a packet that must not have it is malformed (section 2.2.2.2)",
          "[properties]") {
  CHECK(read_all(u8(0x02) + u32(1), PropertyPlace::subscribe) == malformed);
  CHECK(read_all(u8(0x0B) + varint(1), PropertyPlace::unsubscribe) == malformed);
  CHECK(read_all(u8(0x23) + u16(1), PropertyPlace::connect) == malformed);
  CHECK(read_all(u8(0x11) + u32(1), PropertyPlace::publish) == malformed);
  CHECK(read_all(u8(0x27) + u32(1), PropertyPlace::puback) == malformed);
}

TEST_CASE("properties that only a server sends are read where it sends them", "[properties]") {
  const std::string all = u8(0x12) + text("id") + u8(0x13) + u16(60) + u8(0x1A) + text("info") +
                          u8(0x1C) + text("other") + u8(0x24) + u8(1) + u8(0x25) + u8(0) +
                          u8(0x28) + u8(1) + u8(0x29) + u8(1) + u8(0x2A) + u8(0);
  CHECK(read_all(all, PropertyPlace::connack) == accepted);
  CHECK(read_all(u8(0x1F) + text("why"), PropertyPlace::suback) == accepted);
  CHECK(read_all(u8(0x1F) + text("why"), PropertyPlace::unsuback) == accepted);
}

TEST_CASE("the end of a block leaves the property as it was", "[properties]") {
  PropertyReader reader({}, PropertyPlace::publish);
  Property property;
  property.number = 77;
  const auto more = reader.next(property);
  REQUIRE(more);
  CHECK_FALSE(*more);
  CHECK(property.number == 77);
}

TEST_CASE("no properties are a length of zero, not nothing [MQTT-2.2.2-1]", "[properties]") {
  CHECK(written([](auto& out) { mqtt::write_property_block(out, {}); }) == u8(0));
  mqtt::Cursor nothing{mqtt::Bytes{}};
  CHECK_FALSE(mqtt::take_property_block(nothing));
  const std::string empty = u8(0) + "rest";
  mqtt::Cursor cursor(mqtt::as_bytes(empty));
  CHECK(mqtt::take_property_block(cursor)->empty());
  CHECK(mqtt::as_text(cursor.rest()) == "rest");
}

TEST_CASE("a property block longer than what is left is left alone", "[properties]") {
  const std::string bytes = u8(5) + "four";
  mqtt::Cursor cursor(mqtt::as_bytes(bytes));
  CHECK_FALSE(mqtt::take_property_block(cursor));
  CHECK(cursor.rest().size() == 5);
}

TEST_CASE("properties are written as their types ask", "[properties]") {
  const std::string bytes = written([](auto& out) {
    mqtt::ByteBuffer block;
    write_property(block, PropertyId::maximum_qos, 1U);
    write_property(block, PropertyId::receive_maximum, 20U);
    write_property(block, PropertyId::maximum_packet_size, 2'000'000U);
    write_property(block, PropertyId::subscription_identifier, 200U);
    write_property(block, PropertyId::reason_string, std::string_view("why"));
    write_property(block, PropertyId::correlation_data, mqtt::as_bytes("data"));
    mqtt::write_user_property(block, "k", "v");
    mqtt::write_property_block(out, block.view());
  });
  CHECK(bytes == block(u8(0x24) + u8(1) + u8(0x21) + u16(20) + u8(0x27) + u32(2'000'000) +
                       u8(0x0B) + varint(200) + u8(0x1F) + text("why") + u8(0x09) + text("data") +
                       u8(0x26) + text("k") + text("v")));
}

TEST_CASE("user properties are read and written in their order, without what stands between",
          "[properties]") {
  const std::string first = vectors::u8(0x26) + vectors::text("k") + vectors::text("1");
  const std::string second = vectors::u8(0x26) + vectors::text("k") + vectors::text("2");
  const std::string all = first + vectors::u8(0x1F) + vectors::text("why") + second;
  const mqtt::UserProperties user(mqtt::as_bytes(all));
  std::string seen;
  user.for_each([&](std::string_view name, std::string_view value) {
    seen.append(name).append("=").append(value).append(" ");
  });
  CHECK(seen == "k=1 k=2 ");
  CHECK(written([&](auto& out) { user.append_to(out); }) == first + second);
  CHECK(mqtt::UserProperties().empty());
}
