#include "tools/darter-client/url.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>

using shell::parse_url;

TEST_CASE("a URL names carrier, user, host, port and topic", "[url]") {
  const auto url = parse_url("wss://ann:se:cret@broker.example:443/a/b");
  REQUIRE(url);
  CHECK(url->secured);
  CHECK(url->websockets);
  CHECK(url->user_name == "ann");
  CHECK(url->password == "se:cret");
  CHECK(url->host == "broker.example");
  CHECK(url->port == 443);
  CHECK(url->topic == "a/b");
}

TEST_CASE("each scheme has Mosquitto's port", "[url]") {
  const auto [text, secured, websockets, port] = GENERATE(table<std::string, bool, bool, int>({
      {"mqtt://h/t", false, false, 1883},
      {"MQTTS://h/t", true, false, 8883},
      {"ws://h/t", false, true, 1883},
      {"wss://h/t", true, true, 8883},
  }));
  CAPTURE(text);
  const auto url = parse_url(text);
  REQUIRE(url);
  CHECK(url->secured == secured);
  CHECK(url->websockets == websockets);
  CHECK(url->port == port);
  CHECK_FALSE(url->user_name);
  CHECK_FALSE(url->password);
}

TEST_CASE("an IPv6 address stands in brackets", "[url]") {
  CHECK(parse_url("mqtt://[::1]/t")->host == "::1");
  const auto url = parse_url("mqtt://ann@[2001:db8::1]:17/t");
  REQUIRE(url);
  CHECK(url->host == "2001:db8::1");
  CHECK(url->port == 17);
  CHECK(url->user_name == "ann");
}

TEST_CASE("a Unix socket is a path without a topic", "[url]") {
  for (const std::string text : {"unix:/run/x", "unix:///run/x"}) {
    const auto url = parse_url(text);
    REQUIRE(url);
    CHECK(url->unix_path == "/run/x");
    CHECK(url->host.empty());
    CHECK_FALSE(url->topic);
    CHECK_FALSE(url->port);
  }
}

TEST_CASE("a URL that is none is refused with a reason", "[url]") {
  const auto [text, error] = GENERATE(table<std::string, std::string>({
      {"mqtt://h", "Error: Invalid URL for -L argument specified - topic missing.\n"},
      {"mqtt:///t", "Error: Invalid URL for -L argument specified - host missing.\n"},
      {"mqtt://h:0/t", "Error: Invalid port given: 0\n"},
      {"mqtt://h:70000/t", "Error: Invalid port given: 70000\n"},
      {"mqtt://h:/t", "Error: Invalid port given: \n"},
      {"mqtt://[::1/t", "Error: Invalid URL for -L argument specified - ']' missing.\n"},
      {"mqtt://::1/t",
       "Error: Invalid URL for -L argument specified - an IPv6 address stands in brackets: "
       "[::1].\n"},
      {"unix:", "Error: Invalid URL for -L argument specified - path missing.\n"},
  }));
  CAPTURE(text);
  const auto url = parse_url(text);
  REQUIRE_FALSE(url);
  CHECK(url.error() == error);
}
