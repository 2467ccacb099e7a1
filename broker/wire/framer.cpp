#include "broker/wire/framer.h"

namespace mqtt {
namespace {

/// Is this a packet type with the flags that section 2.1.3 lists for it [MQTT-2.1.3-1]
/// [MQTT3-2.2.2-1] [MQTT3-2.2.2-2]? PUBREL [MQTT-3.6.1-1] [MQTT3-3.6.1-1], SUBSCRIBE
/// [MQTT-3.8.1-1] [MQTT3-3.8.1-1] and UNSUBSCRIBE [MQTT-3.10.1-1] [MQTT3-3.10.1-1] carry 0b0010,
/// PUBLISH and CONNECT are looked at when they are decoded, the others carry 0: DISCONNECT
/// [MQTT-3.14.1-1] [MQTT3-3.14.1-1], AUTH [MQTT-3.15.1-1] and all that have no rule of their own.
/// In 3.1 a PUBREL, SUBSCRIBE or UNSUBSCRIBE that is sent again has the DUP flag, and the flags of
/// the others are "not used".
bool allowed_first_byte(std::uint8_t first, Version version) noexcept {
  const unsigned type = first >> 4U;
  if (type == static_cast<unsigned>(PacketType::publish)) return true;
  if (type == static_cast<unsigned>(PacketType::connect) || version == Version::v3_1) return true;
  constexpr unsigned with_bit_1 = 1U << static_cast<unsigned>(PacketType::pubrel) |
                                  1U << static_cast<unsigned>(PacketType::subscribe) |
                                  1U << static_cast<unsigned>(PacketType::unsubscribe);
  const unsigned expected = (with_bit_1 >> type & 1U) << 1U;
  return (first & 0x0FU) == expected;
}

}  // namespace

Decoded<std::optional<Frame>> next_frame(Bytes input, std::size_t packet_bytes_max,
                                         Version version) {
  Cursor cursor(input);
  const auto first = cursor.byte();
  if (!first) return std::nullopt;
  if ((*first & 0xF0U) == 0) return refused(Reason::protocol_error, "packet type 0");
  if (!allowed_first_byte(*first, version)) return malformed("bad flags for the packet type");
  const auto remaining_length = cursor.variable_byte_integer();
  if (!remaining_length) {
    if (cursor.rest().size() >= 4) return malformed("remaining length has more than four bytes");
    return std::nullopt;
  }
  const std::size_t header_size = input.size() - cursor.rest().size();
  const std::size_t size = header_size + *remaining_length;
  if (size > packet_bytes_max) return refused(Reason::packet_too_large, "packet too large");
  const auto body = cursor.take(*remaining_length);
  if (!body) return std::nullopt;
  return Frame{.type = static_cast<PacketType>(*first >> 4U),
               .flags = static_cast<std::uint8_t>(*first & 0x0FU),
               .body = *body,
               .size_bytes = size};
}

std::size_t bytes_missing(Bytes input) noexcept {
  Cursor cursor(input);
  if (!cursor.byte()) return 1;
  const auto remaining_length = cursor.variable_byte_integer();
  if (!remaining_length) return cursor.rest().size() >= 4 ? 0 : 1;
  const std::size_t there = cursor.rest().size();
  return there >= *remaining_length ? 0 : *remaining_length - there;
}

std::size_t promised_size(Bytes input) noexcept {
  Cursor cursor(input);
  if (!cursor.byte()) return 0;
  const auto remaining_length = cursor.variable_byte_integer();
  return remaining_length ? input.size() - cursor.rest().size() + *remaining_length : 0;
}

void write_fixed_header(ByteBuffer& out, PacketType type, std::uint8_t flags,
                        std::size_t remaining_length) {
  std::byte* const place = out.extend(fixed_header_size(remaining_length));
  *place = static_cast<std::byte>(static_cast<unsigned>(type) << 4U | flags);
  put_variable_byte_integer(place + 1, static_cast<std::uint32_t>(remaining_length));
}

}  // namespace mqtt
