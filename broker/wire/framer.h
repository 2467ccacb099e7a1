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

/// Whether a packet may begin with this byte: a packet type with the flags that section 2.1.3 lists
/// for it [MQTT-2.1.3-1] [MQTT3-2.2.2-1] [MQTT3-2.2.2-2]. PUBREL [MQTT-3.6.1-1] [MQTT3-3.6.1-1],
/// SUBSCRIBE [MQTT-3.8.1-1] [MQTT3-3.8.1-1] and UNSUBSCRIBE [MQTT-3.10.1-1] [MQTT3-3.10.1-1] carry
/// 0b0010, the decoders of PUBLISH and CONNECT look at their flags, the others carry 0: DISCONNECT
/// [MQTT-3.14.1-1] [MQTT3-3.14.1-1], AUTH [MQTT-3.15.1-1] and all that have no rule of their own.
/// In 3.1 a PUBREL, SUBSCRIBE or UNSUBSCRIBE that is sent again has the DUP flag, and the flags of
/// the others are "not used".
[[nodiscard]] constexpr bool may_begin_packet(std::uint8_t first, Version version) noexcept {
  const auto bit = [](PacketType type) { return 1U << static_cast<unsigned>(type); };
  const unsigned any_flags = bit(PacketType::connect) | bit(PacketType::publish);
  const unsigned with_bit_1 =
      bit(PacketType::pubrel) | bit(PacketType::subscribe) | bit(PacketType::unsubscribe);
  const unsigned type = first >> 4U;
  if (type == 0) return false;
  if (version == Version::v3_1 || (any_flags >> type & 1U) != 0) return true;
  return (first & 0x0FU) == (with_bit_1 >> type & 1U) << 1U;
}

/// next_frame() for packets that are not whole, not sound, or of 128 bytes and more.
[[nodiscard]] Decoded<std::optional<Frame>> next_frame_of_any_length(Bytes input,
                                                                     std::size_t packet_bytes_max,
                                                                     Version version);

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
/// Cost      Constant; reads at most five bytes. Nearly every packet is whole and has a length of
///           one byte: that case is inline, so that its result never becomes an object in memory.
[[nodiscard]] inline Decoded<std::optional<Frame>> next_frame(Bytes input,
                                                              std::size_t packet_bytes_max,
                                                              Version version = Version::v5_0) {
  if (input.size() >= 2) {
    const auto first = std::to_integer<std::uint8_t>(input[0]);
    const std::size_t length = std::to_integer<std::uint8_t>(input[1]);
    const std::size_t size = length + 2;
    if (length < 0x80 && size <= input.size() && size <= packet_bytes_max &&
        may_begin_packet(first, version)) {
      return Frame{.type = static_cast<PacketType>(first >> 4U),
                   .flags = static_cast<std::uint8_t>(first & 0x0FU),
                   .body = input.subspan(2, length),
                   .size_bytes = size};
    }
  }
  return next_frame_of_any_length(input, packet_bytes_max, version);
}

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
