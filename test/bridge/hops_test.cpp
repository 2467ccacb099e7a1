#include "broker/bridge/hops.h"

#include <catch2/catch.hpp>
#include <string>

#include "broker/wire/properties.h"

namespace {

mqtt::ByteBuffer block(std::string_view name, std::string_view value) {
  mqtt::ByteBuffer out;
  mqtt::write_user_property(out, "a", "b");
  if (!name.empty()) mqtt::write_user_property(out, name, value);
  mqtt::write_property(out, mqtt::PropertyId::content_type, std::string_view("text"));
  return out;
}

}  // namespace

TEST_CASE("the bridges that a message has crossed are counted in a user property", "[bridge]") {
  const auto [name, value, hops] = GENERATE(table<std::string, std::string, std::uint32_t>({
      {"", "", 0},
      {"darter-hops", "3", 3},
      {"darter-hops", "99", bridge::hops_max},
      {"darter-hops", "x", bridge::hops_max},
      {"darter-hops", "", bridge::hops_max},
      {"Darter-Hops", "3", 0},
  }));
  CAPTURE(value);
  CHECK(bridge::hops_of(block(name, value).view()) == hops);
}

TEST_CASE("a new count takes the place of the old one, and all else stays", "[bridge]") {
  mqtt::ByteBuffer out;
  bridge::write_with_hops(block("darter-hops", "3").view(), 4, out);
  CHECK(bridge::hops_of(out.view()) == 4);
  mqtt::ByteBuffer wanted = block("", "");
  mqtt::write_user_property(wanted, "darter-hops", "4");
  CHECK(mqtt::as_text(out.view()) == mqtt::as_text(wanted.view()));
  mqtt::ByteBuffer first;
  bridge::write_with_hops({}, 1, first);
  CHECK(bridge::hops_of(first.view()) == 1);
}
