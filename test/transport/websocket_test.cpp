#include "transport/websocket.h"

#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>
#include <wslay/wslay.h>

#include "test/transport/pieces.h"

namespace transport {
namespace {

using End = WebSocketInput::End;
using namespace std::string_literals;

/// A client's frame with a mask.
std::string frame(unsigned first_byte, std::string_view payload) {
  const std::array<char, 4> mask = {'\x11', '\xA2', '\x3C', '\x7F'};
  std::string bytes(1, static_cast<char>(first_byte));
  if (payload.size() < 126) {
    bytes += static_cast<char>(0x80U | payload.size());
  } else {
    const std::size_t length_bytes = payload.size() < 65'536 ? 2 : 8;
    bytes += static_cast<char>(length_bytes == 2 ? 0xFE : 0xFF);
    for (std::size_t at = length_bytes; at-- > 0;) {
      bytes += static_cast<char>(payload.size() >> (8 * at));
    }
  }
  bytes.append(mask.data(), mask.size());
  for (std::size_t at = 0; at < payload.size(); ++at) {
    bytes += static_cast<char>(payload[at] ^ mask[at % 4]);
  }
  return bytes;
}

struct Outcome {
  std::string payload;
  std::string replies;
  End end = End::none;
  std::uint16_t code = 0;
  bool pong = false;
  bool at_border = false;
};

Outcome read_all(std::string_view stream, Cut cut) {
  WebSocketReader reader;
  Outcome outcome;
  for (std::string& piece : pieces(stream, cut)) {
    const WebSocketInput input = reader.read(std::as_writable_bytes(std::span(piece)));
    outcome.payload += mqtt::as_text(input.payload);
    outcome.replies += mqtt::as_text(input.pongs.view());
    outcome.pong = outcome.pong || input.pong;
    if (input.end != End::none) {
      CHECK(outcome.end == End::none);
      outcome.end = input.end;
      outcome.code = input.code;
    }
  }
  outcome.at_border = reader.at_border();
  return outcome;
}

std::string text_of_size(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t at = 0; at < size; ++at) text[at] = static_cast<char>(at * 7 + at / 251);
  return text;
}

/// wslay as a client whose output is kept in `sent`.
struct WslayClient {
  std::string sent;
  std::string received;
  wslay_frame_context_ptr context = nullptr;

  WslayClient() {
    const wslay_frame_callbacks callbacks = {send, receive, make_mask};
    wslay_frame_context_init(&context, &callbacks, this);
  }
  ~WslayClient() { wslay_frame_context_free(context); }
  WslayClient(const WslayClient&) = delete;
  WslayClient& operator=(const WslayClient&) = delete;

  static ssize_t send(const std::uint8_t* data, std::size_t size, int, void* self) {
    static_cast<WslayClient*>(self)->sent.append(reinterpret_cast<const char*>(data), size);
    return static_cast<ssize_t>(size);
  }
  static ssize_t receive(std::uint8_t* place, std::size_t size, int, void* self) {
    std::string& received = static_cast<WslayClient*>(self)->received;
    if (received.empty()) return -1;
    size = std::min(size, received.size());
    std::memcpy(place, received.data(), size);
    received.erase(0, size);
    return static_cast<ssize_t>(size);
  }
  static int make_mask(std::uint8_t* place, std::size_t size, void*) {
    std::fill_n(place, size, std::uint8_t{0x5B});
    place[0] = 0x01;
    return 0;
  }
  void write(bool fin, WebSocketOpcode opcode, std::string_view payload) {
    wslay_frame_iocb frame_out{};
    frame_out.fin = fin ? 1 : 0;
    frame_out.opcode = static_cast<std::uint8_t>(opcode);
    frame_out.mask = 1;
    frame_out.payload_length = payload.size();
    frame_out.data = reinterpret_cast<const std::uint8_t*>(payload.data());
    frame_out.data_length = payload.size();
    REQUIRE(wslay_frame_send(context, &frame_out) == static_cast<ssize_t>(payload.size()));
  }
};

}  // namespace

TEST_CASE("MQTT packets cross frame borders, and frames hold many packets [MQTT-6.0.0-2]",
          "[websocket]") {
  const Cut cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes, Cut::threes);
  const std::string stream = frame(0x82, "first ") + frame(0x82, "") + frame(0x82, "second ") +
                             frame(0x82, text_of_size(126)) + frame(0x82, text_of_size(70'000));
  const Outcome outcome = read_all(stream, cut);
  CHECK(outcome.payload == "first second " + text_of_size(126) + text_of_size(70'000));
  CHECK(outcome.end == End::none);
  CHECK(outcome.at_border);
  CHECK(outcome.replies.empty());
}

TEST_CASE("control frames may stand between fragments, and each ping is answered", "[websocket]") {
  const Cut cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes, Cut::threes);
  const std::string stream = frame(0x02, "a") + frame(0x89, "one") + frame(0x00, "b") +
                             frame(0x89, "") + frame(0x8A, "pong") + frame(0x80, "c") +
                             frame(0x89, text_of_size(125));
  const Outcome outcome = read_all(stream, cut);
  CHECK(outcome.payload == "abc");
  CHECK(outcome.replies == "\x8A\x03one\x8A"s + '\0' + "\x8A\x7D"s + text_of_size(125));
  CHECK(outcome.pong);
  CHECK(outcome.end == End::none);
  CHECK(outcome.at_border);
}

TEST_CASE("an unfinished message is no frame border", "[websocket]") {
  CHECK_FALSE(read_all(frame(0x02, "a"), Cut::whole).at_border);
  CHECK_FALSE(read_all(frame(0x82, "abc").substr(0, 7), Cut::whole).at_border);
  CHECK_FALSE(read_all(frame(0x82, "abc").substr(0, 1), Cut::whole).at_border);
}

TEST_CASE("a broken frame ends the connection with the right code", "[websocket]") {
  struct Case {
    const char* name;
    std::string bytes;
    std::uint16_t code;
  };
  const Case one = GENERATE(values<Case>({
      {"text [MQTT-6.0.0-1]", frame(0x81, "text"), 1003},
      {"fragmented text", frame(0x01, "text"), 1003},
      {"not masked", "\x82\x03" + "abc"s, 1002},
      {"not masked, empty", "\x82\x00"s, 1002},
      {"RSV1", frame(0xC2, "a"), 1002},
      {"RSV2", frame(0xA2, "a"), 1002},
      {"RSV3", frame(0x92, "a"), 1002},
      {"reserved data opcode", frame(0x83, "a"), 1002},
      {"reserved control opcode", frame(0x8B, "a"), 1002},
      {"continuation of nothing", frame(0x80, "a"), 1002},
      {"message inside a message", frame(0x02, "") + frame(0x82, "a"), 1002},
      {"fragmented ping", frame(0x09, "a"), 1002},
      {"long ping", frame(0x89, text_of_size(126)), 1002},
      {"16-bit length below 126", "\x82\xFE\x00\x7D\x01\x02\x03\x04"s, 1002},
      {"64-bit length below 65536", "\x82\xFF\x00\x00\x00\x00\x00\x00\xFF\xFF\x01\x02\x03\x04"s,
       1002},
      {"64-bit length with its top bit",
       "\x82\xFF\x80\x00\x00\x00\x00\x00\x00\x00\x01\x02\x03\x04"s, 1002},
      {"Close with one byte", frame(0x88, "\x03"), 1002},
      {"Close with code 1005", frame(0x88, "\x03\xED"), 1002},
      {"Close with code 999", frame(0x88, "\x03\xE7"), 1002},
      {"Close with code 2999", frame(0x88, "\x0B\xB7"), 1002},
      {"Close with a reason that is not UTF-8", frame(0x88, "\x03\xE8\xC3\x28"), 1007},
      {"Close with half a character", frame(0x88, "\x03\xE8" + "a\xE2\x82"s), 1007},
      {"Close with a surrogate", frame(0x88, "\x03\xE8\xED\xA0\x80"), 1007},
      {"Close with U+0000 and no UTF-8", frame(0x88, "\x03\xE8\0\x80"s), 1007},
  }));
  const Cut cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  CAPTURE(one.name);
  const Outcome outcome = read_all(frame(0x82, "before") + one.bytes + frame(0x89, "x"), cut);
  CHECK(outcome.payload == "before");
  CHECK(outcome.end == End::failed);
  CHECK(outcome.code == one.code);
  CHECK(outcome.replies.empty());
}

TEST_CASE("a Close says its code, and what follows it is ignored", "[websocket]") {
  const Cut cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes);
  const auto [close, code] = GENERATE(table<std::string, std::uint16_t>({
      {frame(0x88, ""), std::uint16_t{1000}},
      {frame(0x88, "\x03\xE9going"), std::uint16_t{1001}},
      {frame(0x88, "\x0F\xA0"), std::uint16_t{4000}},
      {frame(0x88, "\x03\xE8" + "gr\xC3\xBC\xC3\x9F \xF0\x9F\x91\x8B"s + "\0"s),
       std::uint16_t{1000}},
  }));
  const Outcome outcome = read_all(frame(0x82, "a") + close + frame(0x82, "late"), cut);
  CHECK(outcome.payload == "a");
  CHECK(outcome.end == End::closed_by_peer);
  CHECK(outcome.code == code);
}

TEST_CASE("a Close holds as much of its reason as fits, and no half character", "[websocket]") {
  const auto [reason, kept] = GENERATE(table<std::string, std::size_t>({
      {"", 0},
      {std::string(123, 'x'), 123},
      {std::string(124, 'x'), 123},
      {std::string(122, 'x') + "\xC3\xBC", 122},
      {std::string(121, 'x') + "\xC3\xBC" + "y", 123},
      {std::string(120, 'x') + "\xF0\x9F\x91\x8B", 120},
  }));
  mqtt::ByteBuffer bytes;
  append_websocket_close(bytes, 1008, reason);
  const std::string expected =
      "\x88"s + static_cast<char>(kept + 2) + "\x03\xF0" + reason.substr(0, kept);
  CHECK(mqtt::as_text(bytes.view()) == expected);
}

TEST_CASE("a 63-bit length is read as a stream, not stored", "[websocket]") {
  WebSocketReader reader;
  std::string bytes = "\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01\x02\x03\x04"s;
  bytes += "\x01\x02\x03\x04\x01"s;
  const WebSocketInput input = reader.read(std::as_writable_bytes(std::span(bytes)));
  CHECK(input.end == End::none);
  CHECK(mqtt::as_text(input.payload) == "\0\0\0\0\0"s);
}

TEST_CASE("unmasking in words does what unmasking in bytes does", "[websocket]") {
  const std::array<std::byte, 4> mask = {std::byte{1}, std::byte{0x80}, std::byte{0xFF},
                                         std::byte{0x3C}};
  for (std::size_t size = 0; size < 40; ++size) {
    std::string text = text_of_size(size);
    std::string expected = text;
    for (std::size_t at = 0; at < size; ++at) {
      expected[at] = static_cast<char>(expected[at] ^ static_cast<char>(mask[at % 4]));
    }
    unmask(std::as_writable_bytes(std::span(text)), mask);
    CHECK(text == expected);
  }
}

TEST_CASE("what wslay sends as a client is read, however it is cut", "[websocket]") {
  WslayClient client;
  std::string expected;
  std::string pongs;
  for (std::size_t round = 0; round < 300; ++round) {
    const std::string data = text_of_size((round * round * 31) % 5000);
    const bool fragmented = round % 3 == 0;
    client.write(!fragmented, WebSocketOpcode::binary, data);
    expected += data;
    if (round % 7 == 0) {
      client.write(true, WebSocketOpcode::ping, data.substr(0, round % 126));
      pongs += '\x8A';
      pongs += static_cast<char>(std::min(round % 126, data.size()));
      pongs += data.substr(0, round % 126);
    }
    if (fragmented) {
      client.write(true, WebSocketOpcode::continuation, data);
      expected += data;
    }
  }
  const Cut cut = GENERATE(Cut::whole, Cut::halves, Cut::bytes, Cut::threes);
  const Outcome outcome = read_all(client.sent, cut);
  CHECK(outcome.payload == expected);
  CHECK(outcome.replies == pongs);
  CHECK(outcome.at_border);
}

TEST_CASE("wslay as a client reads the frames that the broker sends", "[websocket]") {
  const std::size_t size = GENERATE(as<std::size_t>{}, 0, 1, 125, 126, 65'535, 65'536, 200'000);
  WslayClient client;
  std::array<std::byte, websocket_header_bytes_max> header;
  const std::size_t header_size = write_websocket_header(header, WebSocketOpcode::binary, size);
  client.received.assign(reinterpret_cast<const char*>(header.data()), header_size);
  client.received += text_of_size(size);
  mqtt::ByteBuffer close;
  append_websocket_close(close, 1008, "no");
  client.received += mqtt::as_text(close.view());

  wslay_frame_iocb got{};
  std::string payload;
  do {
    const ssize_t count = wslay_frame_recv(client.context, &got);
    REQUIRE(count >= 0);
    payload.append(reinterpret_cast<const char*>(got.data), got.data_length);
  } while (payload.size() < size);
  CHECK(got.fin == 1);
  CHECK(got.opcode == WSLAY_BINARY_FRAME);
  CHECK(payload == text_of_size(size));
  REQUIRE(wslay_frame_recv(client.context, &got) == 4);
  CHECK(got.opcode == WSLAY_CONNECTION_CLOSE);
  CHECK(std::string(reinterpret_cast<const char*>(got.data), 4) == "\x03\xF0no");
}

}  // namespace transport
