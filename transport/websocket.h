// transport/websocket.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "broker/wire/bytes.h"

namespace transport {

/// Why a WebSocket is closed (RFC 6455, section 7.4.1).
enum class WebSocketCode : std::uint16_t {
  normal_closure = 1000,
  going_away = 1001,
  protocol_error = 1002,
  unsupported_data = 1003,
  invalid_payload = 1007,
  policy_violation = 1008,
  message_too_big = 1009,
};

/// Whether a text may be the reason of a Close: UTF-8 (RFC 6455, section 5.5.1), in which U+0000
/// may stand.
[[nodiscard]] bool is_close_reason(std::string_view text) noexcept;

enum class WebSocketOpcode : std::uint8_t {
  continuation = 0x0,
  text = 0x1,
  binary = 0x2,
  close = 0x8,
  ping = 0x9,
  pong = 0xA,
};

/// The result of reading a client's bytes.
struct WebSocketInput {
  enum class End : std::uint8_t {
    none,
    closed_by_peer,  ///< a Close came; `code` is its code, or normal_closure
    failed,          ///< RFC 6455 was broken; `code` and `why` say how
  };

  std::span<std::byte> payload;  // of the binary messages, in order; lies within the bytes read
  mqtt::ByteBuffer pongs;        // one for each Ping, ready to send
  std::size_t last_pong = 0;     // where the last of them begins
  bool pong = false;             // the client answered a Ping, or sent a Pong unasked
  End end = End::none;
  std::uint16_t code = 0;
  std::string_view why;  // static text
};

/// Undoes the frames of a WebSocket client: frames in, MQTT bytes out.
///
/// Shape      [fin:1 rsv:3 opcode:4] [mask:1 length:7] [length: 0, 2 or 8 bytes] [mask: 4]
/// [payload]
///            Frames and MQTT packets need not line up [MQTT-6.0.0-2] [MQTT3-6.0.0-2]; those that
///            the broker sends do, see frame_packets().
///            The payload is unmasked where it stands and moved together, so that one read from
///            the socket is one run of MQTT bytes however many frames it had. Frames are not
///            messages: a message is passed on as it arrives and never buffered.
/// Invariant  Between two reads it holds at most an unfinished frame header and the payload of an
///            unfinished control frame (125 bytes); no buffer at all at a frame border.
/// Lifetime   A value: it moves with its connection from loop to loop.
/// Source     RFC 6455, section 5. The frame decoder is our own, and not wslay's: wslay reads
///            through a buffer of its own (4 KiB for each connection, with a copy in and a copy
///            out) and unmasks byte by byte. Measured with frames of 100 and 60,000 bytes it
///            reaches 0.6 and 0.8 GB/s, this way 5 and 6.5 GB/s: for a batch of small PUBLISH
///            packets wslay alone would cost as much as all else that is done with them. The tests
///            hold this decoder against wslay.
class WebSocketReader {
 public:
  /// Reads the next bytes. Nothing is read any more once `end` was reported.
  ///
  /// Errors    Unmasked frames, reserved bits and opcodes, long or fragmented control frames,
  ///           fragments out of order, lengths not in their shortest form, bad Close codes:
  ///           protocol_error. Text: unsupported_data [MQTT-6.0.0-1]. A Close with a reason that is
  ///           not UTF-8: invalid_payload. The payload before the error is still given.
  [[nodiscard]] WebSocketInput read(std::span<std::byte> bytes);

  /// The end that an earlier read() reported; `end` is none before.
  [[nodiscard]] WebSocketInput::End end() const noexcept { return end_; }
  [[nodiscard]] std::uint16_t code() const noexcept { return code_; }
  [[nodiscard]] std::string_view why() const noexcept { return why_; }

  /// True if the next byte begins a frame, and no message is unfinished.
  [[nodiscard]] bool at_border() const noexcept {
    return header_size_ == 0 && !in_frame_ && !in_message_;
  }

 private:
  static constexpr std::size_t header_bytes_max = 14;

  std::span<std::byte> read_header(std::span<std::byte> bytes, WebSocketInput& input);
  std::span<std::byte> read_payload(std::span<std::byte> bytes, WebSocketInput& input);
  void start_frame(mqtt::Bytes header, WebSocketInput& input);
  /// The fault of a frame of that kind; null if there is none.
  [[nodiscard]] const char* check_frame(bool fin, WebSocketOpcode opcode) const;
  void append_data(std::span<std::byte> data, WebSocketInput& input);
  void end_frame(WebSocketInput& input);
  void end_close(mqtt::Bytes payload, WebSocketInput& input);
  void fail(WebSocketInput& input, WebSocketCode code, const char* why);
  void finish(WebSocketInput& input, WebSocketInput::End end, std::uint16_t code, const char* why);

  std::uint64_t payload_left_ = 0;
  std::unique_ptr<mqtt::ByteBuffer> control_;  // payload of an unfinished control frame
  const char* why_ = "";
  std::array<std::byte, header_bytes_max> header_{};
  std::array<std::byte, 4> mask_{};  // turned so that its first byte is the next one's
  std::uint8_t header_size_ = 0;     // bytes of an unfinished header
  WebSocketOpcode opcode_ = WebSocketOpcode::continuation;
  bool in_frame_ = false;
  bool in_message_ = false;  // more fragments are to come
  WebSocketInput::End end_ = WebSocketInput::End::none;
  std::uint16_t code_ = 0;
};

/// Removes, or puts on, a mask. `mask` stands for the first byte of `bytes`.
void unmask(std::span<std::byte> bytes, std::array<std::byte, 4> mask) noexcept;

/// Longest header of a frame that the broker sends.
inline constexpr std::size_t websocket_header_bytes_max = 10;

/// Size of the header of a frame that the broker sends: 2, 4 or 10 bytes.
constexpr std::size_t websocket_header_size(std::size_t payload_size) noexcept {
  if (payload_size < 126) return 2;
  return payload_size < 65'536 ? 4 : 10;
}

/// Writes the header of an unfragmented frame with `payload_size` bytes behind it.
///
/// Returns   How many bytes of `place` it took: 2, 4 or 10.
std::size_t write_websocket_header(std::span<std::byte, websocket_header_bytes_max> place,
                                   WebSocketOpcode opcode, std::size_t payload_size) noexcept;

/// Appends a whole control frame. `payload` has at most 125 bytes.
void append_websocket_control(mqtt::ByteBuffer& to, WebSocketOpcode opcode, mqtt::Bytes payload);

/// Appends a Close frame with as much of `reason`, which is UTF-8, as it holds.
void append_websocket_close(mqtt::ByteBuffer& to, std::uint16_t code, std::string_view reason = {});

}  // namespace transport
