#include "broker/core/soundness.h"

#include <catch2/catch.hpp>
#include <string>

#include "broker/wire/bytes.h"

using namespace std::string_literals;

namespace {

std::string levels(std::size_t count, const std::string& last) {
  std::string path;
  for (std::size_t i = 1; i < count; ++i) path += "m/";
  return path + last;
}

}  // namespace

TEST_CASE("what could stand in a packet may come back from a store", "[soundness]") {
  const auto [topic, sound] = GENERATE(table<std::string, bool>({
      {"t", true},
      {"mount/a//b", true},
      {levels(201, "t"), true},
      {levels(402, "t"), true},  // 201 of a mount point, 201 of the client
      {levels(403, "t"), false},
      {"", false},
      {"a/+", false},
      {"a/#", false},
      {"a\0b"s, false},
      {"\xFF", false},
      {std::string(65'535, 't'), true},
      {std::string(65'536, 't'), false},
  }));
  CAPTURE(topic.size(), topic.substr(0, 20));
  CHECK(broker::is_sound_topic(topic) == sound);
}

TEST_CASE("a filter from a store has its wildcards where they belong", "[soundness]") {
  const auto [filter, sound] = GENERATE(table<std::string, bool>({
      {"#", true},
      {"mount/+/#", true},
      {levels(402, "#"), true},
      {"+/" + levels(300, "#"), false},  // a mount point has no wildcards
      {"#/a", false},
      {"a+", false},
      {"", false},
      {"\xC3", false},
  }));
  CAPTURE(filter.size(), filter.substr(0, 20));
  CHECK(broker::is_sound_filter(filter) == sound);
}

TEST_CASE("properties from a store are what subscribers may get", "[soundness]") {
  const auto [properties, sound] = GENERATE(table<std::string, bool>({
      {"", true},
      {"\x01\x01"s, true},
      {"\x03\0\x01t"s, true},
      {"\x26\0\x01n\0\x01v\x26\0\x01n\0\x01v"s, true},
      {"\x01\x02"s, false},               // neither 0 nor 1
      {"\x23\0\x01"s, false},             // a topic alias
      {"\x02\0\0\0\x01"s, false},         // the expiry stands elsewhere
      {"\x03\0\x05t"s, false},            // cut short
      {"\x7F", false},                    // unknown
      {"\x03\0\x01t\x03\0\x01t"s, false}  // twice
  }));
  CAPTURE(properties);
  CHECK(broker::are_sound_properties(mqtt::as_bytes(properties)) == sound);
}

TEST_CASE("a message from a store can be sent", "[soundness]") {
  broker::MessageView message;
  message.topic = "t";
  CHECK(broker::is_sound(message));
  message.qos = static_cast<mqtt::Qos>(3);
  CHECK_FALSE(broker::is_sound(message));
}
