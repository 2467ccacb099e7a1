// The frames of a WebSocket client, cut anywhere, against a reading of them that is as plain as RFC
// 6455; and what the broker writes, read as a client reads it.

#include <array>
#include <string>

#include "test/fuzz/input.h"
#include "transport/websocket.h"

namespace {

using fuzz::require;
using transport::WebSocketInput;
using transport::WebSocketOpcode;
using transport::WebSocketReader;

struct Heard {
  std::string payload;
  std::string replies;
  bool pong = false;
  WebSocketInput::End end = WebSocketInput::End::none;
  std::uint16_t code = 0;
  std::string_view why;
};

void take(Heard& heard, WebSocketReader& reader, std::string_view bytes) {
  auto copy = fuzz::exact_copy(bytes);
  const WebSocketInput input = reader.read(copy);
  heard.payload += mqtt::as_text(input.payload);
  heard.replies += mqtt::as_text(input.pongs.view());
  heard.pong = heard.pong || input.pong;
  heard.end = input.end;
  heard.code = input.code;
  heard.why = input.why;
  require(reader.end() == input.end && reader.code() == input.code, "the reader remembers its end");
}

/// Frame by frame, from a text that holds all of them.
class Oracle {
 public:
  explicit Oracle(std::string_view text) : rest_(text) {
    while (heard.end == WebSocketInput::End::none && frame()) {
    }
  }
  Heard heard;
  bool border = true;  // between two messages

 private:
  [[nodiscard]] unsigned at(std::size_t index) const {
    return static_cast<unsigned char>(rest_[index]);
  }

  bool frame() {
    border = rest_.empty() && !in_message_;
    if (rest_.size() < 2) return false;
    const unsigned short_length = at(1) & 0x7FU;
    const std::size_t extra = short_length == 126 ? 2 : short_length == 127 ? 8 : 0;
    if ((at(1) & 0x80U) == 0) return fail();
    // Whatever else is wrong is told when the header is whole.
    if (rest_.size() < 6 + extra) return false;
    std::uint64_t length = extra == 0 ? short_length : 0;
    for (std::size_t i = 0; i < extra; ++i) length = length << 8U | at(2 + i);
    if (broken(length, short_length)) return fail();
    const std::string_view mask = rest_.substr(2 + extra, 4);
    const std::string_view masked = rest_.substr(6 + extra);
    std::string payload(masked.substr(0, length));
    for (std::size_t i = 0; i < payload.size(); ++i) {
      payload[i] = static_cast<char>(payload[i] ^ mask[i % 4]);
    }
    const bool whole = masked.size() >= length;
    const unsigned opcode = at(0) & 0xFU;
    if (opcode < 8) heard.payload += payload;
    if (opcode < 8) in_message_ = (at(0) & 0x80U) == 0;
    if (!whole) return false;
    rest_ = masked.substr(length);
    border = !in_message_;
    if (opcode == 8) return close(payload);
    if (opcode == 9) reply(payload);
    if (opcode == 10) heard.pong = true;
    return true;
  }

  [[nodiscard]] bool broken(std::uint64_t length, unsigned short_length) const {
    const unsigned opcode = at(0) & 0xFU;
    const bool fin = (at(0) & 0x80U) != 0;
    const bool known = opcode <= 2 || (opcode >= 8 && opcode <= 10);
    if ((at(0) & 0x70U) != 0 || !known || opcode == 1) return true;
    if (opcode >= 8 && (!fin || length > 125)) return true;
    if (opcode == 0 && !in_message_) return true;
    if (opcode == 2 && in_message_) return true;
    if (short_length == 126 && length < 126) return true;
    return short_length == 127 && (length < 65'536 || length >> 63U != 0);
  }

  bool fail() {
    heard.end = WebSocketInput::End::failed;
    return false;
  }

  bool close(const std::string& payload) {
    if (payload.size() == 1) return fail();
    heard.end = WebSocketInput::End::closed_by_peer;
    heard.code = 1000;
    if (payload.empty()) return false;
    heard.code = static_cast<std::uint16_t>(static_cast<unsigned char>(payload[0]) << 8U |
                                            static_cast<unsigned char>(payload[1]));
    return false;
  }

  void reply(const std::string& payload) {
    heard.replies += static_cast<char>(0x8A);
    heard.replies += static_cast<char>(payload.size());
    heard.replies += payload;
  }

  std::string_view rest_;
  bool in_message_ = false;
};

void check_header(std::size_t payload_size) {
  std::array<std::byte, transport::websocket_header_bytes_max> place{};
  const std::size_t used =
      transport::write_websocket_header(place, WebSocketOpcode::binary, payload_size);
  const std::size_t shortest = payload_size < 126 ? 2 : payload_size < 65'536 ? 4 : 10;
  require(used == shortest, "a header in its shortest form");
  std::uint64_t length = std::to_integer<unsigned>(place[1]);
  if (used > 2) length = 0;
  for (std::size_t i = 2; i < used; ++i) {
    length = length << 8U | std::to_integer<unsigned>(place[i]);
  }
  require(place[0] == std::byte{0x82} && length == payload_size, "a header says the length");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t step = 1U + input.byte() % 32U;
  check_header(input.four() >> (input.byte() % 32U));
  const std::string_view stream = input.rest();

  Heard at_once;
  WebSocketReader reader;
  take(at_once, reader, stream);
  Heard in_pieces;
  WebSocketReader other;
  for (std::size_t at = 0; at < stream.size() && in_pieces.end == WebSocketInput::End::none;
       at += step) {
    take(in_pieces, other, stream.substr(at, step));
  }
  require(at_once.payload == in_pieces.payload, "cuts change no payload");
  require(at_once.replies == in_pieces.replies && at_once.pong == in_pieces.pong, "no answer");
  require(at_once.end == in_pieces.end && at_once.code == in_pieces.code &&
              at_once.why == in_pieces.why,
          "and not how it ends");

  const Oracle oracle(stream);
  const bool odd_close = at_once.end == WebSocketInput::End::failed &&
                         oracle.heard.end == WebSocketInput::End::closed_by_peer;
  require(odd_close || at_once.end == oracle.heard.end, "it ends as RFC 6455 says");
  require(at_once.payload == oracle.heard.payload, "the payload that RFC 6455 sees");
  require(at_once.replies == oracle.heard.replies, "a Pong for each Ping");
  if (at_once.end == WebSocketInput::End::closed_by_peer) {
    require(at_once.code == oracle.heard.code, "the code of the Close");
  }
  if (at_once.end == WebSocketInput::End::none) {
    require(reader.at_border() == oracle.border, "at_border()");
  }
  return 0;
}
