#include "broker/wire/topic.h"

#include <catch2/catch.hpp>

#include "test/wire/reader.h"

using mqtt::matches;
using mqtt::TopicFilter;
using mqtt::TopicName;

namespace {

std::string levels(std::size_t count) {
  std::string topic = "a";
  for (std::size_t i = 1; i < count; ++i) topic += "/b";
  return topic;
}

}  // namespace

TEST_CASE("wildcards stand in filters, never in topic names [MQTT-4.7.0-1] [MQTT3-4.7.1-1]",
          "[topic]") {
  const auto [topic, expected] = GENERATE(table<std::string, int>({
      {"a", accepted},
      {"/", accepted},
      {"a/b/c", accepted},
      {"$SYS/x", accepted},
      {"with spaces/and,*!\"", accepted},
      {"m\xC3\xA9t\xC3\xA9o/caf\xC3\xA9", accepted},
      {"12345678", accepted},
      {"+", malformed},
      {"#", malformed},
      {"a/+", malformed},
      {"a+b", malformed},
      {"a/b/c/d/#", malformed},
      {"#234567890123456", malformed},
      {"1234567+90123456", malformed},
      {"12345678+0123456", malformed},
      {"caf\xC3\xA9/+", malformed},
  }));
  CAPTURE(topic);
  CHECK(refusal(TopicName::parse(topic)) == expected);
}

TEST_CASE("topics and filters have one character at least [MQTT-4.7.3-1] [MQTT3-4.7.3-1]",
          "[topic]") {
  CHECK(refusal(TopicName::parse("")) == malformed);
  CHECK(refusal(TopicFilter::parse("")) == malformed);
}

TEST_CASE("topics and filters have no U+0000 [MQTT-4.7.3-2] [MQTT3-4.7.3-2]", "[topic]") {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string topic(size, 't');
      topic[at] = '\0';
      CAPTURE(size, at);
      CHECK(refusal(TopicName::parse(topic)) == malformed);
      CHECK(refusal(TopicFilter::parse(topic)) == malformed);
    }
  }
}

TEST_CASE("topic names are UTF-8 [MQTT-3.3.2-1] [MQTT3-3.3.2-1]", "[topic]") {
  CHECK(refusal(TopicName::parse("a/\xFF")) == malformed);
  CHECK(refusal(TopicName::parse("a long topic name that ends badly/\xC3")) == malformed);
  CHECK(refusal(TopicFilter::parse("\xED\xA0\x80/#")) == malformed);
}

TEST_CASE("a wildcard is found at every place of a topic name of any length", "[topic]") {
  for (std::size_t size = 1; size < 40; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      std::string topic(size, '*');  // beside '+' in ASCII
      CHECK(TopicName::parse(topic));
      topic[at] = at % 2 == 0 ? '+' : '#';
      CAPTURE(size, at);
      CHECK(refusal(TopicName::parse(topic)) == malformed);
    }
  }
}

TEST_CASE("topics and filters of up to 65,535 bytes are taken [MQTT-4.7.3-3] [MQTT3-4.7.3-3]",
          "[topic]") {
  CHECK(TopicName::parse(std::string(65'535, 't')));
  CHECK(TopicFilter::parse(std::string(65'535, 't')));
}

TEST_CASE("200 slashes are taken, 201 are refused", "[topic]") {
  CHECK(TopicName::parse(levels(201)));
  CHECK(refusal(TopicName::parse(levels(202))) == malformed);
  CHECK(TopicName::parse(std::string(199, '/')));
  CHECK(refusal(TopicName::parse(std::string(201, '/'))) == malformed);
  CHECK(TopicFilter::parse(levels(199) + "/+/#"));
  CHECK(refusal(TopicFilter::parse(levels(200) + "/+/#")) == malformed);
}

TEST_CASE("'#' stands alone or after '/', and last [MQTT-4.7.1-1] [MQTT3-4.7.1-2]", "[topic]") {
  const auto [filter, expected] = GENERATE(table<std::string, int>({
      {"#", accepted},
      {"a/#", accepted},
      {"/#", accepted},
      {"+/#", accepted},
      {"a#", malformed},
      {"a/b#", malformed},
      {"a/#/b", malformed},
      {"#/", malformed},
      {"##", malformed},
      {"#/#", malformed},
  }));
  CAPTURE(filter);
  CHECK(refusal(TopicFilter::parse(filter)) == expected);
}

TEST_CASE("'+' fills a whole level [MQTT-4.7.1-2] [MQTT3-4.7.1-3]", "[topic]") {
  const auto [filter, expected] = GENERATE(table<std::string, int>({
      {"+", accepted},
      {"+/+/+", accepted},
      {"a/+/b", accepted},
      {"/+", accepted},
      {"+/", accepted},
      {"a+", malformed},
      {"+a", malformed},
      {"a/b+/c", malformed},
      {"++", malformed},
      {"a/+#", malformed},
  }));
  CAPTURE(filter);
  CHECK(refusal(TopicFilter::parse(filter)) == expected);
}

TEST_CASE("a filter knows whether it has a wildcard", "[topic]") {
  CHECK_FALSE(TopicFilter::parse("a/b")->has_wildcard());
  CHECK(TopicFilter::parse("a/+")->has_wildcard());
  CHECK(TopicFilter::parse("#")->has_wildcard());
}

TEST_CASE("a shared filter has a share name of one character or more [MQTT-4.8.2-1]", "[topic]") {
  CHECK(refusal(mqtt::parse_shared("$share//a")) == protocol_error);
  CHECK(refusal(mqtt::parse_shared("$share/")) == protocol_error);
}

TEST_CASE("a share name has no wildcard and is followed by '/' and a filter [MQTT-4.8.2-2]",
          "[topic]") {
  const auto [text, expected] = GENERATE(table<std::string, int>({
      {"$share/g/a", accepted},
      {"$share/g/#", accepted},
      {"$share/g//", accepted},
      {"$share/g", protocol_error},
      {"$share/g/", protocol_error},
      {"$share/+/a", protocol_error},
      {"$share/g+/a", malformed},
      {"$share/#/a", malformed},
      {"$share/g/a#", malformed},
      {"$share/g/a/\xFF", malformed},
      {"$share/\xFF/a", malformed},
  }));
  CAPTURE(text);
  CHECK(refusal(mqtt::parse_shared(text)) == expected);
}

TEST_CASE("a shared filter comes apart into its share name and its filter", "[topic]") {
  const auto shared = mqtt::parse_shared("$share/group/a/+/c");
  REQUIRE(shared);
  REQUIRE(*shared);
  CHECK((*shared)->share_name == "group");
  CHECK((*shared)->filter.text() == "a/+/c");
}

TEST_CASE("what does not begin with $share/ is an ordinary filter", "[topic]") {
  const std::string text = GENERATE("a/b", "$share", "$SHARE/g/a", "$shared/g/a", "/$share/g/a");
  CAPTURE(text);
  const auto shared = mqtt::parse_shared(text);
  REQUIRE(shared);
  CHECK_FALSE(*shared);
}

TEST_CASE("filters match topics level by level", "[topic]") {
  const auto [filter, topic, expected] = GENERATE(table<std::string, std::string, bool>({
      {"a/b", "a/b", true},
      {"a/b", "a/c", false},
      {"a/b", "a", false},
      {"a", "a/b", false},
      {"a", "a/", false},
      {"a/", "a", false},
      {"/a", "a", false},
      {"sport/tennis/player1/#", "sport/tennis/player1", true},  // 4.7.1.2: the parent too
      {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
      {"sport/tennis/player1/#", "sport/tennis/player12", false},
      {"sport/#", "sport", true},
      {"#", "a/b/c", true},
      {"#", "/", true},
      {"sport/tennis/+", "sport/tennis/player1", true},
      {"sport/tennis/+", "sport/tennis/player1/ranking", false},
      {"sport/+", "sport", false},
      {"sport/+", "sport/", true},
      {"+/+", "/finance", true},
      {"/+", "/finance", true},
      {"+", "/finance", false},
      {"+/b/+", "a/b/c", true},
      {"+/b/+", "a/c/c", false},
      {"a/+/#", "a/b", true},
      {"a/+/#", "a", false},
  }));
  CAPTURE(filter, topic);
  CHECK(matches(filter, topic) == expected);
}

TEST_CASE(
    "a leading wildcard never matches a topic that begins with $ "
    "[MQTT-4.7.2-1] [MQTT3-4.7.2-1]",
    "[topic]") {
  const auto [filter, topic, expected] = GENERATE(table<std::string, std::string, bool>({
      {"#", "$SYS/uptime", false},
      {"+/uptime", "$SYS/uptime", false},
      {"$SYS/#", "$SYS/uptime", true},
      {"$SYS/+", "$SYS/uptime", true},
      {"a/#", "a/$SYS", true},
      {"+/+", "a/$SYS", true},
  }));
  CAPTURE(filter, topic);
  CHECK(matches(filter, topic) == expected);
}

TEST_CASE("matching is by characters, without normalisation [MQTT-4.7.3-4] [MQTT3-4.7.3-4]",
          "[topic]") {
  CHECK_FALSE(matches("ACCOUNTS", "Accounts"));
  CHECK_FALSE(matches("caf\xC3\xA9", "cafe\xCC\x81"));  // composed, decomposed
  CHECK_FALSE(
      matches("\xEF\xBB\xBF"
              "a",
              "a"));
  CHECK_FALSE(matches("a//b", "a/b"));
}

TEST_CASE("a cursor walks the levels of a topic, empty ones too", "[topic]") {
  mqtt::LevelCursor cursor("a//b/");
  std::string seen;
  while (cursor.next()) seen.append("[").append(cursor.level()).append("]");
  CHECK(seen == "[a][][b][]");
  CHECK(cursor.last());
}
