#include "transport/link/address.h"

#include <catch2/catch.hpp>

using transport::LinkAddress;
using transport::LinkScheme;

TEST_CASE("addresses are read as users write them", "[link_address]") {
  const auto [text, scheme, host, port, path] =
      GENERATE(table<std::string, LinkScheme, std::string, std::uint16_t, std::string>({
          {"localhost", LinkScheme::mqtt, "localhost", 1883, ""},
          {"localhost:1884", LinkScheme::mqtt, "localhost", 1884, ""},
          {"192.0.2.1", LinkScheme::mqtt, "192.0.2.1", 1883, ""},
          {"[::1]", LinkScheme::mqtt, "::1", 1883, ""},
          {"[::1]:1884", LinkScheme::mqtt, "::1", 1884, ""},
          {"2001:db8::1", LinkScheme::mqtt, "2001:db8::1", 1883, ""},
          {"mqtt://broker", LinkScheme::mqtt, "broker", 1883, ""},
          {"MQTT://broker/a/b", LinkScheme::mqtt, "broker", 1883, "/a/b"},
          {"mqtts://broker", LinkScheme::mqtts, "broker", 8883, ""},
          {"ssl://broker:1", LinkScheme::mqtts, "broker", 1, ""},
          {"ws://broker", LinkScheme::ws, "broker", 80, ""},
          {"ws://broker:8080/mqtt?a=b", LinkScheme::ws, "broker", 8080, "/mqtt?a=b"},
          {"ws://broker?a=b", LinkScheme::ws, "broker", 80, "/?a=b"},
          {"wss://[2001:db8::1]/", LinkScheme::wss, "2001:db8::1", 443, "/"},
          {"unix:/run/darter.sock", LinkScheme::unix_socket, "", 0, "/run/darter.sock"},
          {"unix:///run/darter.sock", LinkScheme::unix_socket, "", 0, "/run/darter.sock"},
          {"unix:here", LinkScheme::unix_socket, "", 0, "here"},
      }));
  CAPTURE(text);
  const auto address = LinkAddress::parse(text);
  REQUIRE(address.has_value());
  CHECK(address->scheme == scheme);
  CHECK(address->host == host);
  CHECK(address->port == port);
  CHECK(address->path == path);
  CHECK_FALSE(address->user_name);
  CHECK_FALSE(address->password);
}

TEST_CASE("the port of an address without one and without a scheme is the caller's",
          "[link_address]") {
  CHECK(LinkAddress::parse("broker", 8883)->port == 8883);
  CHECK(LinkAddress::parse("mqtt://broker", 8883)->port == 1883);
}

TEST_CASE("user name and password are decoded, and not shown", "[link_address]") {
  const auto address = LinkAddress::parse("wss://me%40home:p%3aw@b:1/mqtt@x");
  REQUIRE(address.has_value());
  CHECK(address->user_name == "me@home");
  CHECK(address->password == "p:w");
  CHECK(address->host == "b");
  CHECK(address->path == "/mqtt@x");
  CHECK(address->text() == "b:1");
  CHECK(LinkAddress::parse("mqtt://me@b")->user_name == "me");
  CHECK_FALSE(LinkAddress::parse("mqtt://me@b")->password);
}

TEST_CASE("the text of an address can be read again", "[link_address]") {
  const auto* const text =
      GENERATE("broker:1883", "[::1]:1", "[unix]:1883", "unix:/run/darter.sock");
  CHECK(LinkAddress::parse(text)->text() == text);
}

TEST_CASE("why a text is no address is said", "[link_address]") {
  const auto [text, why] = GENERATE(table<std::string, std::string>({
      {"", "the host is missing: mqtt://localhost:1883"},
      {":1883", "the host is missing: mqtt://localhost:1883"},
      {"http://broker", "\"http\" is no scheme: mqtt, mqtts, ws, wss and unix are"},
      {"broker:", "\"\" is no port: a number from 1 to 65535 is one"},
      {"broker:0", "\"0\" is no port: a number from 1 to 65535 is one"},
      {"broker:65536", "\"65536\" is no port: a number from 1 to 65535 is one"},
      {"broker:12x", "\"12x\" is no port: a number from 1 to 65535 is one"},
      {"[::1", "an IPv6 address ends with ']': [::1]:1883"},
      {"[::1]1", "behind the ']' of an address a port may stand: [::1]:1883"},
      {"a b", "\"a b\" is no name of a host"},
      {"unix:", "the path of the socket is missing: unix:/run/darter.sock"},
      {"mqtt://a%b@c", "user name or password has a '%' without two hexadecimal digits: write %25"},
  }));
  CAPTURE(text);
  REQUIRE_FALSE(LinkAddress::parse(text).has_value());
  CHECK(LinkAddress::parse(text).error() == why);
}
