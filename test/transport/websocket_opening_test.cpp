#include "transport/websocket_opening.h"

#include <catch2/catch.hpp>
#include <string>

#include "test/transport/pieces.h"

namespace transport {
namespace {

using Progress = HttpRequestReader::Progress;

const std::string upgrade =
    "GET /mqtt HTTP/1.1\r\nHost: broker\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: mqtt\r\n\r\n";

}  // namespace

TEST_CASE("a WebSocket opens however its request is cut", "[websocket_opening]") {
  const ListenerOptions listener;
  WebSocketOpening opening(listener);
  const auto cut = pieces(upgrade, GENERATE(Cut::whole, Cut::halves, Cut::bytes, Cut::threes));
  Progress progress = Progress::incomplete;
  for (const std::string& piece : cut) {
    REQUIRE(progress == Progress::incomplete);
    progress = opening.read(mqtt::as_bytes(piece)).progress;
  }
  REQUIRE(progress == Progress::complete);
  CHECK_FALSE(opening.is_plain());
  const auto answer = opening.answer();
  REQUIRE(answer);
  CHECK(answer->response.starts_with("HTTP/1.1 101 "));
}

TEST_CASE("a request that cannot be read is refused", "[websocket_opening]") {
  ListenerOptions listener;
  listener.websockets_headers_bytes_max = 100;
  WebSocketOpening opening(listener);
  const auto [text, status] = GENERATE(table<std::string, unsigned>(
      {{"GET / HTTP/1.1\r\nCookie: " + std::string(200, 'x'), 431}, {"no request\r\n\r\n", 400}}));
  const Progress progress = opening.read(mqtt::as_bytes(text)).progress;
  CHECK(progress != Progress::incomplete);
  CHECK(opening.fault(progress).status == status);
}

TEST_CASE("a request without an upgrade is plain, unless it was one for a WebSocket",
          "[websocket_opening]") {
  const ListenerOptions listener;
  const auto [text, plain] = GENERATE(table<std::string, bool>({
      {"GET / HTTP/1.1\r\nHost: broker\r\n\r\n", true},
      {upgrade, false},
      {"GET / HTTP/1.1\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n", false},
  }));
  WebSocketOpening opening(listener);
  REQUIRE(opening.read(mqtt::as_bytes(text)).progress == Progress::complete);
  CHECK(opening.is_plain() == plain);
}

}  // namespace transport
