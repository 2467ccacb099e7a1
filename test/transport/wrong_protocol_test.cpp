#include "transport/wrong_protocol.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

namespace transport {
namespace {

using namespace std::string_literals;

const std::string hello = "\x16\x03\x01\x02\x00\x01\x00\x01\xFC"s;  // of TLS
const std::string connect = "\x10\x0C\x00\x04MQTT\x04\x02\x00\x00\x00\x00"s;
const std::string request = "GET /mqtt HTTP/1.1\r\n";
const std::string proxy = "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n";

ListenerOptions listener(Protocol protocol, bool tls) {
  ListenerOptions options;
  options.protocol = protocol;
  options.tls = tls;
  return options;
}

}  // namespace

TEST_CASE("a client of another protocol is told from the listener's own", "[wrong_protocol]") {
  struct Row {
    Protocol protocol;
    bool tls;
    bool tls_begun;
    const std::string& bytes;
    std::string_view sent;  // empty: nothing is wrong
    std::string_view expected;
    bool answered;
  };
  const Row rows[] = {
      {Protocol::mqtt, false, false, connect, "", "", false},
      {Protocol::mqtt, false, false, hello, "a TLS handshake", "MQTT without TLS", false},
      {Protocol::mqtt, false, false, request, "HTTP", "MQTT without TLS", true},
      {Protocol::mqtt, false, false, proxy, "a PROXY protocol header", "MQTT without TLS", false},
      {Protocol::mqtt, true, false, hello, "", "", false},
      {Protocol::mqtt, true, false, connect, "MQTT without TLS", "MQTT over TLS", false},
      {Protocol::mqtt, true, false, request, "HTTP", "MQTT over TLS", true},
      {Protocol::mqtt, true, true, connect, "", "", false},
      {Protocol::mqtt, true, true, hello, "a TLS handshake", "MQTT over TLS", false},
      {Protocol::websockets, false, false, request, "", "", false},
      {Protocol::websockets, false, false, connect, "MQTT without WebSocket",
       "WebSocket without TLS", false},
      {Protocol::websockets, true, true, connect, "MQTT without WebSocket", "WebSocket over TLS",
       false},
      {Protocol::http, true, false, request, "HTTP", "HTTP over TLS", true},
      {Protocol::http, true, true, request, "", "", false},
  };
  for (const Row& row : rows) {
    CAPTURE(static_cast<int>(row.protocol), row.tls, row.tls_begun, row.bytes);
    const auto wrong = find_wrong_protocol(mqtt::as_bytes(row.bytes),
                                           listener(row.protocol, row.tls), row.tls_begun);
    REQUIRE(wrong.has_value() == !row.sent.empty());
    if (!wrong) continue;
    CHECK(wrong->sent == row.sent);
    CHECK(wrong->expected == row.expected);
    CHECK(wrong->answer.has_value() == row.answered);
  }
}

TEST_CASE("a browser is told which protocol the port speaks", "[wrong_protocol]") {
  const auto plain =
      find_wrong_protocol(mqtt::as_bytes(request), listener(Protocol::mqtt, false), false);
  REQUIRE(plain);
  CHECK(plain->answer->text == "This port speaks MQTT, not HTTP.");
  const auto sealed =
      find_wrong_protocol(mqtt::as_bytes(request), listener(Protocol::websockets, true), false);
  REQUIRE(sealed);
  CHECK(sealed->answer->text == "This port speaks TLS: use https or wss.");
  CHECK(sealed->answer->status == 400);
}

TEST_CASE("too few bytes, or unknown ones, are not judged", "[wrong_protocol]") {
  const ListenerOptions options = listener(Protocol::mqtt, false);
  CHECK_FALSE(find_wrong_protocol(mqtt::as_bytes("G"), options, false));
  CHECK_FALSE(find_wrong_protocol(mqtt::as_bytes("anything else"), options, false));
}

}  // namespace transport
