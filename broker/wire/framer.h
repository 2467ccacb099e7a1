// broker/wire/framer.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "broker/wire/bytes.h"
#include "broker/wire/cursor.h"
#include "broker/wire/protocol.h"

namespace mqtt {

/// One control packet, cut out of a stream but not yet understood.
///
/// Shape      [type:4 flags:4][remaining length:1..4][body: remaining length bytes]
/// Lifetime   `body` points into the bytes that next_frame() was given.
struct Frame {
  PacketType type = PacketType::connect;
  std::uint8_t flags = 0;
  Bytes body;
  std::size_t size_bytes = 0;  // header and body
};

/// Cuts the first packet off `input`.
///
/// Returns   The frame; or nothing if `input` ends before the packet does.
/// Errors    protocol_error: type 0. malformed_packet: a flags nibble that section 2.1.3 does not
///           allow for the type [MQTT-2.1.3-1] (those of PUBLISH are decode_publish's, those of
///           CONNECT decode_connect's; 3.1 has no such rule), a length of more than four
///           bytes (a form of up to four that is longer than it need be is taken: to write the
///           shortest is asked of the sender [MQTT-1.5.5-1]). packet_too_large: the header promises
///           more than `packet_bytes_max` bytes in all; said as soon as the header is whole, before
///           the body is there. A wrong first byte is said as soon as it is there.
/// Cost      Constant; reads at most five bytes.
[[nodiscard]] Decoded<std::optional<Frame>> next_frame(Bytes input, std::size_t packet_bytes_max,
                                                       Version version = Version::v5_0);

/// The size that the header of the first packet of `input` promises; 0 if the header is incomplete
/// or broken.
[[nodiscard]] std::size_t promised_size(Bytes input) noexcept;

/// Size of a fixed header in front of `remaining_length` bytes: 2 to 5.
[[nodiscard]] constexpr std::size_t fixed_header_size(std::size_t remaining_length) noexcept {
  return 1 + variable_byte_integer_size(static_cast<std::uint32_t>(remaining_length));
}
/// Appends a fixed header.
///
/// Requires  `remaining_length` is at most variable_byte_integer_max.
void write_fixed_header(ByteBuffer& out, PacketType type, std::uint8_t flags,
                        std::size_t remaining_length);

/// How many bytes the first packet of `input` lacks, as far as its header tells: one while the
/// header itself is incomplete; none if the packet is whole, or broken in a way that next_frame()
/// tells.
/// Cost      Constant.
[[nodiscard]] std::size_t bytes_missing(Bytes input) noexcept;

}  // namespace mqtt
