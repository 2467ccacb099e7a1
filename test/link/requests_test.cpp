#include "transport/link/requests.h"

#include <catch2/catch.hpp>

#include "transport/websocket_handshake.h"

using transport::HttpAnswer;
using transport::LinkAddress;
using transport::LinkFault;
using transport::LinkOptions;

namespace {

constexpr std::string_view key = "dGhlIHNhbXBsZSBub25jZQ==";

LinkOptions options_for(std::string_view address) {
  LinkOptions options;
  options.address = *LinkAddress::parse(address);
  return options;
}

HttpAnswer good_answer() {
  return {{.fields = {{"upgrade", "websocket"},
                      {"connection", "Upgrade"},
                      {"sec-websocket-accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
                      {"sec-websocket-protocol", "mqtt"}}},
          101,
          "Switching Protocols"};
}

}  // namespace

TEST_CASE("a proxy is asked to connect, with a login if there is one", "[requests]") {
  const auto address = *LinkAddress::parse("mqtts://[2001:db8::1]");
  CHECK(connect_request(address, {.host = "proxy"}) ==
        "CONNECT [2001:db8::1]:8883 HTTP/1.1\r\nHost: [2001:db8::1]:8883\r\n\r\n");
  // RFC 7617, section 2.
  CHECK(connect_request(*LinkAddress::parse("a:1"),
                        {.host = "proxy", .user_name = "Aladdin", .password = "open sesame"}) ==
        "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n"
        "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\n\r\n");
}

TEST_CASE("a proxy's refusal is told with its status", "[requests]") {
  LinkOptions options = options_for("a:1");
  options.proxy = {.host = "proxy", .port = 3128};
  CHECK_FALSE(judge_connect({{}, 200, "OK"}, options));
  const auto end = judge_connect({{}, 407, "Proxy Authentication Required"}, options);
  REQUIRE(end);
  CHECK(end->fault == LinkFault::proxy);
  CHECK(end->status == 407);
  CHECK(end->text ==
        "a:1: the proxy proxy:3128 answers 407 Proxy Authentication Required: it wants a user name "
        "and a password, or others than these");
}

TEST_CASE("a WebSocket is asked for as RFC 6455 has it", "[requests]") {
  LinkOptions options = options_for("ws://a:8080/x?y=z");
  options.websocket.fields = {{"Origin", "https://a"}, {"X-Evil", "1\r\nHost: b"}};
  CHECK(upgrade_request(options, key) ==
        "GET /x?y=z HTTP/1.1\r\n"
        "Host: a:8080\r\n"
        "Upgrade: websocket\r\n"
        "Connection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        "Sec-WebSocket-Protocol: mqtt\r\n"
        "Origin: https://a\r\n"
        "X-Evil: 1Host: b\r\n\r\n");
  const auto host_of = [](const LinkOptions& of) {
    const std::string request = upgrade_request(of, key);
    const std::size_t at = request.find("Host: ") + 6;
    return request.substr(at, request.find("\r\n", at) - at);
  };
  CHECK(host_of(options_for("ws://a")) == "a");
  CHECK(host_of(options_for("ws://a:443")) == "a:443");
  CHECK(host_of(options_for("wss://[::1]")) == "[::1]");
  CHECK(upgrade_request(options_for("ws://a"), key).starts_with("GET /mqtt HTTP/1.1\r\n"));
  options.websocket.fields = {{"host", "b"}};
  CHECK(upgrade_request(options, key).find("Host: a") == std::string::npos);
}

TEST_CASE("keys are 16 random bytes", "[requests]") {
  CHECK(transport::make_websocket_key().size() == 24);
  CHECK(transport::make_websocket_key() != transport::make_websocket_key());
}

TEST_CASE("a WebSocket is open if the answer fits the request", "[requests]") {
  const LinkOptions options = options_for("ws://a");
  CHECK_FALSE(judge_upgrade(good_answer(), key, options));
  for (std::size_t field = 0; field < 4; ++field) {
    HttpAnswer answer = good_answer();
    answer.fields[field].second = "other";
    const auto end = judge_upgrade(answer, key, options);
    REQUIRE(end);
    CHECK(end->fault == LinkFault::websocket);
  }
  HttpAnswer extended = good_answer();
  extended.fields.emplace_back("sec-websocket-extensions", "permessage-deflate");
  CHECK(judge_upgrade(extended, key, options)->text ==
        "a:80: the server uses an extension that nobody asked for");
}

TEST_CASE("a refused WebSocket is told with its status, and where to look", "[requests]") {
  const auto [status, phrase, words] = GENERATE(table<unsigned, std::string, std::string>({
      {200, "OK", "check the path"},
      {301, "Moved Permanently", "it wants https://b/, use that address"},
      {400, "Bad Request", "nginx"},
      {401, "Unauthorized", "Authorization"},
      {403, "Forbidden", "Origin"},
      {404, "Not Found", "there is nothing at /mqtt: check the path"},
      {426, "Upgrade Required", "proxy_http_version 1.1"},
      {502, "Bad Gateway", "does not reach the MQTT server"},
      {500, "Internal Server Error", "a:80"},
  }));
  const auto end = judge_upgrade({{.fields = {{"location", "https://b/"}}}, status, phrase}, key,
                                 options_for("ws://a"));
  REQUIRE(end);
  CHECK(end->fault == LinkFault::http);
  CHECK(end->status == status);
  CHECK(end->text.starts_with("a:80: the WebSocket is refused with " + std::to_string(status) +
                              " " + phrase));
  CAPTURE(end->text);
  CHECK(end->text.find(words) != std::string::npos);
}
