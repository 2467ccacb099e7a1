#include "tools/darter-bench/websocket.h"

#include <catch2/catch.hpp>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/wire/bytes.h"

namespace {

using bench::WebSocketInput;

/// A frame of a server.
std::string frame(unsigned first, std::size_t length, std::string_view payload) {
  std::string bytes(1, static_cast<char>(first));
  if (length < 126) {
    bytes += static_cast<char>(length);
  } else {
    bytes += '\x7E';
    bytes += static_cast<char>(length >> 8U);
    bytes += static_cast<char>(length & 0xFFU);
  }
  bytes += payload;
  return bytes;
}

std::string binary(std::string_view payload) { return frame(0x82, payload.size(), payload); }

/// What comes out of bytes that arrive so many at a time.
std::string read_in_pieces(WebSocketInput& input, std::string bytes, std::size_t piece) {
  std::string result;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    std::string part = bytes.substr(at, piece);
    result += mqtt::as_text(input.read(std::as_writable_bytes(std::span(part))));
  }
  return result;
}

}  // namespace

TEST_CASE("payloads of a server's frames are put together, however they arrive",
          "[bench_websocket]") {
  const std::string large(300, 'x');
  const std::string bytes = binary("one") + binary("") + frame(0x89, 4, "ping") + binary(large);
  const std::size_t piece = GENERATE(1U, 2U, 3U, 7U, 1000U);
  WebSocketInput input;
  CHECK(read_in_pieces(input, bytes, piece) == "one" + large);
  CHECK_FALSE(input.ended());
}

TEST_CASE("a Close frame ends the input", "[bench_websocket]") {
  WebSocketInput input;
  CHECK(read_in_pieces(input, binary("one") + frame(0x88, 0, ""), 1000) == "one");
  CHECK(input.ended());
}

TEST_CASE("a client's frame is masked, and its header is as long as it was said to be",
          "[bench_websocket]") {
  const std::size_t length = GENERATE(0U, 1U, 125U, 126U, 65'535U, 65'536U);
  const std::size_t header = bench::frame_header_bytes(length);
  std::vector<std::byte> bytes(header + length, std::byte{'x'});
  bench::put_frame(bytes.data(), length);
  CHECK(bytes[0] == std::byte{0x82});
  CHECK((bytes[1] & std::byte{0x80}) == std::byte{0x80});
  for (std::size_t i = 0; i < length; ++i) {
    REQUIRE((bytes[header + i] ^ bytes[header - 4 + i % 4]) == std::byte{'x'});
  }
}

TEST_CASE("the answer to the handshake is accepted, refused or incomplete", "[bench_websocket]") {
  using bench::Upgrade;
  CHECK(bench::read_upgrade("HTTP/1.1 101 Switching") == Upgrade::incomplete);
  CHECK(bench::read_upgrade("HTTP/1.1 101 Switching\r\n\r\n") == Upgrade::accepted);
  CHECK(bench::read_upgrade("HTTP/1.1 404 Not Found\r\n\r\n") == Upgrade::refused);
  CHECK(bench::upgrade_request("/mqtt", 9001).starts_with("GET /mqtt HTTP/1.1\r\n"));
}
