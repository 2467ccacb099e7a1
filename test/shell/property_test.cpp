#include "tools/darter-client/property.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using namespace shell;

namespace {

using Words = std::vector<std::string>;

std::string error_of(const Words& words) {
  Properties properties;
  const auto taken = take_property_words(words, properties);
  return taken ? "" : taken.error();
}

}  // namespace

TEST_CASE("properties get into the block of their packet", "[property]") {
  Properties properties;
  CHECK(take_property_words(Words{"PUBLISH", "Message-Expiry-Interval", "32", "-m"}, properties) ==
        3);
  CHECK(take_property_words(Words{"publish", "user-property", "key", "value"}, properties) == 4);
  CHECK(take_property_words(Words{"will", "will-delay-interval", "5"}, properties) == 3);
  CHECK(take_property_words(Words{"subscribe", "subscription-identifier", "300"}, properties) == 3);
  CHECK(properties.publish == std::string("\x02\0\0\0\x20\x26\0\x03key\0\x05value", 18));
  CHECK(properties.will == std::string("\x18\0\0\0\x05", 5));
  CHECK(properties.subscribe == std::string("\x0b\xac\x02", 3));
  CHECK(properties.connect.empty());
  CHECK(check_properties(properties));
}

TEST_CASE("errors of properties are Mosquitto's", "[property]") {
  const auto [words, text] = GENERATE(table<Words, std::string>({
      {{"publish", "content-type"},
       "Error: --property argument given but not enough arguments specified.\n\n"},
      {{"publish", "user-property", "a"},
       "Error: --property argument given but not enough arguments specified.\n\n"},
      {{"suback", "reason-string", "a"},
       "Error: Invalid command suback given in --property argument.\n\n"},
      {{"publish", "colour", "a"},
       "Error: Invalid property name colour given in --property argument.\n\n"},
      {{"connect", "content-type", "a"},
       "Error: content-type property not allowed for connect in --property argument.\n\n"},
      {{"puback", "reason-string", "a"},
       "Error: reason-string property not supported for puback in --property argument.\n\n"},
      {{"publish", "subscription-identifier", "1"},
       "Error: subscription-identifier property not supported for publish in --property "
       "argument.\n\n"},
      {{"connect", "receive-maximum", "65536"},
       "Error: Property value (65536) out of range for property receive-maximum.\n\n"},
      {{"connect", "receive-maximum", "many"},
       "Error: Property value (many) out of range for property receive-maximum.\n\n"},
      {{"publish", "content-type", std::string(65'536, 'a')},
       "Error: Property value too long for property content-type.\n\n"},
  }));
  CHECK(error_of(words) == text);
}

TEST_CASE("a property that stands twice is refused", "[property]") {
  Properties properties;
  for (int i = 0; i < 2; ++i) {
    CHECK(take_property_words(Words{"publish", "content-type", "a"}, properties) == 3);
  }
  const auto checked = check_properties(properties);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().starts_with("Error in PUBLISH properties: "));
}
