#include "tools/darter-client/format.h"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <string_view>

#include "broker/wire/properties.h"
#include "tools/darter-client/property.h"

using namespace shell;

namespace {

/// 2020-05-06 20:48:00.123456789, shown in a zone an hour east.
constexpr Stamp stamp{.seconds = 1'588'798'080, .nanoseconds = 123'456'789};

void set_zone() {
  REQUIRE(setenv("TZ", "XST-1", 1) == 0);
  tzset();
}

struct Sample {
  std::string topic = "a/topic";
  std::string payload = "message";
  std::string properties{};
  mqtt::Qos qos = mqtt::Qos::at_least_once;
  bool retain = true;

  [[nodiscard]] mqtt::Publish message() const {
    mqtt::Publish result;
    result.topic = topic;
    result.payload = mqtt::as_bytes(payload);
    result.properties = mqtt::as_bytes(properties);
    result.packet_id = mqtt::PacketId{7};
    result.qos = qos;
    result.retain = retain;
    return result;
  }
};

std::string all_properties() {
  mqtt::ByteBuffer out;
  using Id = mqtt::PropertyId;
  mqtt::write_property(out, Id::payload_format_indicator, 1U);
  mqtt::write_property(out, Id::message_expiry_interval, 3600U);
  mqtt::write_property(out, Id::content_type, std::string_view("plain/text"));
  mqtt::write_property(out, Id::response_topic, std::string_view("/dev/null"));
  mqtt::write_property(out, Id::correlation_data, mqtt::as_bytes("2357"));
  mqtt::write_property(out, Id::subscription_identifier, 56U);
  mqtt::write_property(out, Id::topic_alias, 3U);
  mqtt::write_user_property(out, "name", "value1");
  mqtt::write_user_property(out, "name", "value2");
  return std::string(mqtt::as_text(out.view()));
}

std::string shown(const Sample& sample, std::string_view format, bool pretty = false) {
  set_zone();
  const auto parsed = Format::parse(format);
  if (!parsed) return parsed.error();
  std::string out;
  const auto fault = parsed->print(sample.message(), stamp, pretty, out);
  return out + fault.value_or("");
}

}  // namespace

TEST_CASE("fields show the message as with Mosquitto", "[format]") {
  const auto [format, text] = GENERATE(table<std::string, std::string>({
      {"%%", "%"},
      {"%l", "7"},
      {"%02l", "07"},
      {"%2l", " 7"},
      {"%-2l|", "7 |"},
      {"%-02l|", "7 |"},
      {"%m", "7"},
      {"%p", "message"},
      {"%-12p|", "message     |"},
      {"%12p", "     message"},
      {"%012p", "00000message"},
      {"%3p", "mes"},
      {"%q", "1"},
      {"%r", "1"},
      {"%t", "a/topic"},
      {"%.3t", "a/t"},
      {"%-.3t|", "a/t|"},
      {"%9t", "  a/topic"},
      {"%-9t|", "a/topic  |"},
      {"%6.3t", "   a/t"},
      {"%-6.3t|", "a/t   |"},
      {"%x", "6d657373616765"},
      {"%X", "6D657373616765"},
      {"%.1x", "6 d 6 5 7 3 7 3 6 1 6 7 6 5"},
      {"%.2x", "6d 65 73 73 61 67 65"},
      {"%.2:x", "6d:65:73:73:61:67:65"},
      {"%18x", "    6d657373616765"},
      {"%-18x|", "6d657373616765    |"},
      {"%018X", "00006D657373616765"},
      {"%A%C%D%E%F%P%R%S", ""},
      {"%2C|%2A|%02E", "  |  |00"},
      {"\\\\\\a\\e\\n\\r\\t\\v", "\\\a\033\n\r\t\v"},
      {"a@@b", "a@b"},
      {"%I", "2020-05-06T21:48:00+0100"},
      {"%26I", "  2020-05-06T21:48:00+0100"},
      {"%U", "1588798080.123456789"},
      {"@Y-@m-@d @H:@M:@S.@N", "2020-05-06 21:48:00.123456789"},
      {"", ""},
  }));
  CAPTURE(format);
  CHECK(shown({}, format) == text);
}

TEST_CASE("a NUL can be a separator", "[format]") {
  CHECK(shown({}, "%q\\0%q") == std::string("1\0001", 3));
}

TEST_CASE("fields show properties", "[format]") {
  const auto [format, text] = GENERATE(table<std::string, std::string>({
      {"%A", "3"},
      {"%3A", "  3"},
      {"%C", "plain/text"},
      {"%.5C", "plain"},
      {"%D", "2357"},
      {"%E", "3600"},
      {"%F", "1"},
      {"%P", "name:value1 name:value2"},
      {"%R", "/dev/null"},
      {"%S", "56"},
      {"%04S", "0056"},
  }));
  CAPTURE(format);
  CHECK(shown({.properties = all_properties()}, format) == text);
}

TEST_CASE("payloads that are floating point numbers", "[format]") {
  const std::string single("\xF4\xFD\x34\x3F", 4);
  const std::string twice("\x58\x39\xB4\xC8\x76\xBE\x05\x40", 8);
  CHECK(shown({.payload = single}, "%.3f") == "0.707");
  CHECK(shown({.payload = twice}, "%.3d") == "2.718");
  CHECK(shown({.payload = twice}, "%08.3d|%-8.3d|") == "0002.718|2.718   |");
  CHECK(shown({}, "%f") == "requested float printing, but non-float data received");
  CHECK(shown({}, "%d") == "requested double printing, but non-double data received");
}

TEST_CASE("a message as JSON", "[format]") {
  CHECK(shown({.payload = "a \"b\" \\ \t\x01"}, "%j") ==
        R"({"tst":"2020-05-06T21:48:00.123456+0100","topic":"a/topic","qos":1,"retain":true,)"
        R"("payloadlen":10,"mid":7,"payload":"a \"b\" \\ \t\u0001"})");
  CHECK(shown({.payload = "", .qos = mqtt::Qos::at_most_once, .retain = false}, "%j") ==
        R"({"tst":"2020-05-06T21:48:00.123456+0100","topic":"a/topic","qos":0,"retain":false,)"
        R"("payloadlen":0,"payload":null})");
}

TEST_CASE("a message with properties as JSON", "[format]") {
  CHECK(shown({.properties = all_properties()}, "%j") ==
        R"({"tst":"2020-05-06T21:48:00.123456+0100","topic":"a/topic","qos":1,"retain":true,)"
        R"("payloadlen":7,"mid":7,"properties":{"payload-format-indicator":1,)"
        R"("message-expiry-interval":3600,"content-type":"plain/text",)"
        R"("response-topic":"/dev/null","correlation-data":"2357","subscription-identifier":56,)"
        R"("topic-alias":3,"user-properties":[{"name":"value1"},{"name":"value2"}]},)"
        R"("payload":"message"})");
}

TEST_CASE("a payload that is JSON is part of the JSON", "[format]") {
  const Sample sample{.payload = R"( {"a":[1, 2.50,true,null,"x"],"b":{}} )",
                      .qos = mqtt::Qos::at_most_once};
  CHECK(shown(sample, "%J") ==
        R"({"tst":"2020-05-06T21:48:00.123456+0100","topic":"a/topic","qos":0,"retain":true,)"
        R"("payloadlen":38,"payload":{"a":[1,2.5,true,null,"x"],"b":{}}})");
  CHECK(shown(sample, "%J", true) ==
        "{\n\t\"tst\":\t\"2020-05-06T21:48:00.123456+0100\",\n\t\"topic\":\t\"a/topic\",\n"
        "\t\"qos\":\t0,\n\t\"retain\":\ttrue,\n\t\"payloadlen\":\t38,\n\t\"payload\":\t{\n"
        "\t\t\"a\":\t[1, 2.5, true, null, \"x\"],\n\t\t\"b\":\t{\n\t\t}\n\t}\n}");
  CHECK(shown({.payload = "no"}, "%J") ==
        "Error: Message payload is not valid JSON on topic a/topic.\n");
}

TEST_CASE("a format that is none is refused in Mosquitto's words", "[format]") {
  const auto [format, text] = GENERATE(table<std::string, std::string>({
      {"%", "Error: Incomplete format specifier.\n"},
      {"%-", "Error: Incomplete format specifier.\n"},
      {"%5", "Error: Incomplete format specifier.\n"},
      {"%5.", "Error: Incomplete format specifier.\n"},
      {"%.2:", "Error: Incomplete format specifier.\n"},
      {"@", "Error: Incomplete format specifier.\n"},
      {"\\", "Error: Incomplete escape specifier.\n"},
      {"\\q", "Error: Invalid escape specifier 'q'.\n"},
      {"%k", "Error: Invalid format specifier 'k'.\n"},
  }));
  CAPTURE(format);
  const auto parsed = Format::parse(format);
  REQUIRE_FALSE(parsed);
  CHECK(parsed.error() == text);
}

TEST_CASE("a field is never wider than it can be meant", "[format]") {
  CHECK(shown({}, "%99999999999l").size() == 1'000'000);
}

TEST_CASE("without a format messages are lines", "[format]") {
  const auto plain = [](const Sample& sample, PlainStyle style) {
    std::string out;
    print_plain(sample.message(), style, out);
    return out;
  };
  CHECK(plain({}, {}) == "message\n");
  CHECK(plain({}, {.line_end = false}) == "message");
  CHECK(plain({}, {.verbose = true}) == "a/topic message\n");
  CHECK(plain({.payload = ""}, {}).empty());
  CHECK(plain({.payload = ""}, {.verbose = true}) == "a/topic (null)\n");
  CHECK(plain({.payload = ""}, {.verbose = true, .line_end = false}).empty());
}
