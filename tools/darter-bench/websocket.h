#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace bench {

/// The client's side of a WebSocket (RFC 6455), as far as brokers on this machine need it: one
/// masking key for all frames, no look at Sec-WebSocket-Accept, and a Ping is not answered.

/// The request that asks for a WebSocket that carries MQTT.
[[nodiscard]] std::string upgrade_request(std::string_view path, std::uint16_t port);

/// Where the answer to it ends.
enum class Upgrade : std::uint8_t { incomplete, accepted, refused };
[[nodiscard]] Upgrade read_upgrade(std::string_view answer);

/// Bytes in front of a client's frame of `payload_bytes`.
[[nodiscard]] constexpr std::size_t frame_header_bytes(std::size_t payload_bytes) noexcept {
  return payload_bytes < 126 ? 6U : payload_bytes < 65'536 ? 8U : 14U;
}
/// Writes the header of a binary frame, and masks the payload behind it where it stands.
void put_frame(std::byte* place, std::size_t payload_bytes) noexcept;

/// Undoes the server's frames.
///
/// Shape      [fin:1 rsv:3 opcode:4] [mask:1 length:7] [length: 0, 2 or 8 bytes] [payload]
/// Invariant  Between two reads it holds at most an unfinished header.
class WebSocketInput {
 public:
  /// Moves the payloads in `bytes` together, to the front.
  ///
  /// Returns   The payloads.
  [[nodiscard]] std::span<std::byte> read(std::span<std::byte> bytes) noexcept;

  /// Did a Close frame come, or something that is no frame of a server?
  [[nodiscard]] bool ended() const noexcept { return ended_; }

 private:
  [[nodiscard]] std::size_t header_bytes() const noexcept;
  void add_to_header(std::byte byte) noexcept;

  std::array<std::byte, 10> header_{};
  std::size_t header_used_ = 0;
  std::uint64_t payload_left_ = 0;  // of the frame that is being read
  bool is_data_ = false;
  bool ended_ = false;
};

}  // namespace bench
