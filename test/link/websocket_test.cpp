#include "transport/link/websocket.h"

#include <catch2/catch.hpp>

#include "test/packets.h"
#include "test/transport/pieces.h"
#include "transport/websocket.h"

using transport::Cut;
using transport::LinkFault;
using transport::WebSocketClient;
using transport::WebSocketInput;
using transport::WebSocketOpcode;
using transport::WebSocketReader;

namespace {

/// A frame of a server.
std::string frame(unsigned first, std::string_view payload) {
  std::string text(1, static_cast<char>(first));
  if (payload.size() < 126) {
    text += static_cast<char>(payload.size());
  } else {
    text += '\x7E';
    text += static_cast<char>(payload.size() >> 8U);
    text += static_cast<char>(payload.size() & 0xFFU);
  }
  return text.append(payload);
}

/// A client, with all that it gave.
struct Read {
  WebSocketClient client;
  mqtt::ByteBuffer payload;
  mqtt::ByteBuffer frames;

  void read(std::string_view bytes, Cut cut = Cut::whole) {
    for (const std::string& piece : transport::pieces(bytes, cut)) {
      client.read(mqtt::as_bytes(piece), payload, frames);
    }
  }
  [[nodiscard]] std::string_view text() const { return mqtt::as_text(payload.view()); }
  /// The client's frames, as the server's side reads them.
  WebSocketInput at_server(WebSocketReader& reader) {
    return reader.read({frames.data(), frames.size()});
  }
};

const std::string ping = test::pingreq();
const std::string publish = test::publish("t", "m", mqtt::Version::v3_1_1);

}  // namespace

TEST_CASE("payload comes out of frames however they are cut", "[link_websocket]") {
  const auto cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  Read read;
  const std::string large(1000, 'x');
  read.read(frame(0x82, "ab") + frame(0x02, "c") + frame(0x00, "") + frame(0x89, "ping") +
                frame(0x80, "d") + frame(0x8A, "unasked") + frame(0x82, large),
            cut);
  CHECK(read.text() == "abcd" + large);
  CHECK_FALSE(read.client.end());
  WebSocketReader server;
  const WebSocketInput input = read.at_server(server);
  CHECK(input.pong);
  CHECK(input.end == WebSocketInput::End::none);
  CHECK(input.payload.empty());
}

TEST_CASE("each packet goes out in a masked frame of its own", "[link_websocket]") {
  Read read;
  const std::string large = test::publish("t", std::string(4997, 'x'), mqtt::Version::v3_1_1);
  read.client.write(mqtt::as_bytes(ping + publish + large), read.frames);
  // Header, mask and payload: 2 + 4 + 2, 2 + 4 + 6, 4 + 4 + 5003.
  CHECK(read.frames.size() == 8 + 12 + 5011);
  std::string first(mqtt::as_text(read.frames.view()).substr(0, 8));
  CHECK(first.substr(0, 2) == "\x82\x82");
  WebSocketReader server;
  CHECK(mqtt::as_text(read.at_server(server).payload) == ping + publish + large);
  CHECK(server.at_border());

  Read other;
  other.client.write(mqtt::as_bytes(ping), other.frames);
  CHECK(mqtt::as_text(other.frames.view()) != first);  // another mask
}

TEST_CASE("a Close of the server is answered and told", "[link_websocket]") {
  const auto cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  Read read;
  read.read(frame(0x82, "ab") + frame(0x88, std::string("\x03\xF0", 2) + "go away"), cut);
  CHECK(read.text() == "ab");
  REQUIRE(read.client.end());
  CHECK(read.client.end()->fault == LinkFault::websocket);
  CHECK(read.client.end()->text == "the server closed the WebSocket (code 1008: go away)");
  WebSocketReader server;
  const WebSocketInput input = read.at_server(server);
  CHECK(input.end == WebSocketInput::End::closed_by_peer);
  CHECK(input.code == 1008);

  Read other;
  other.read(frame(0x88, std::string("\x03\xE8", 2)));
  REQUIRE(other.client.end());
  CHECK(other.client.end()->fault == LinkFault::none);
}

TEST_CASE("a reason that is not UTF-8 is not sent back, however it is cut", "[link_websocket]") {
  const auto cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  Read read;
  read.read(frame(0x88, std::string("\x03\xF0", 2) + "\x9Epolicy"), cut);
  REQUIRE(read.client.end());
  CHECK(read.client.end()->fault == LinkFault::websocket);
  read.client.close(read.frames);
  WebSocketReader server;
  CHECK(read.at_server(server).end != WebSocketInput::End::failed);
}

TEST_CASE("the client closes once", "[link_websocket]") {
  Read read;
  read.client.close(read.frames);
  read.client.close(read.frames);
  WebSocketReader server;
  const WebSocketInput input = read.at_server(server);
  CHECK(input.end == WebSocketInput::End::closed_by_peer);
  CHECK(input.code == 1000);
  CHECK(read.frames.size() == 8);
}

TEST_CASE("a server that breaks RFC 6455 is left", "[link_websocket]") {
  const auto [bytes, code] = GENERATE(table<std::string, unsigned>({
      {frame(0x81, "text"), 1003},
      {frame(0x83, "x"), 1002},  // no such opcode
      {frame(0xC2, "x"), 1002},  // a reserved bit
      {frame(0x80, "x"), 1002},  // continues nothing
      {frame(0x09, "x"), 1000},  // a fragment of a control frame: wslay says no code
      {frame(0x89, std::string(200, 'x')), 1000},
      {frame(0x02, "x") + frame(0x82, "y"), 1002},
  }));
  const auto cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  Read read;
  read.read(bytes, cut);
  REQUIRE(read.client.end());
  CHECK(read.client.end()->fault == LinkFault::websocket);
  WebSocketReader server;
  const WebSocketInput input = read.at_server(server);
  CHECK(input.end == WebSocketInput::End::closed_by_peer);
  CAPTURE(bytes);
  CHECK(input.code == code);
  // Nothing is read or written any more.
  const std::size_t size = read.frames.size();
  read.read(frame(0x82, "ab"));
  read.client.write(mqtt::as_bytes(ping), read.frames);
  CHECK(read.frames.size() == size);
}
