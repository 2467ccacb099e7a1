#include "broker/wire/framer.h"

#include <cassert>

namespace mqtt {
Decoded<std::optional<Frame>> next_frame_of_any_length(Bytes input, std::size_t packet_bytes_max,
                                                       Version version) {
  Cursor cursor(input);
  const auto first = cursor.byte();
  if (!first) return std::nullopt;
  if ((*first & 0xF0U) == 0)
    return refused(Reason::protocol_error, "packet type 0", "[section 2.1.2]");
  if (!may_begin_packet(*first, version))
    return malformed("bad flags for the packet type", "[MQTT-2.1.3-1] [MQTT3-2.2.2-2]");
  const auto remaining_length = cursor.variable_byte_integer();
  if (!remaining_length) {
    if (cursor.rest().size() >= 4)
      return malformed("remaining length has more than four bytes", "[section 1.5.5]");
    return std::nullopt;
  }
  const std::size_t header_size = input.size() - cursor.rest().size();
  const std::size_t size = header_size + *remaining_length;
  if (size > packet_bytes_max)
    return refused(Reason::packet_too_large, "packet too large", "[MQTT-3.2.2-15]");
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
  assert(remaining_length <= variable_byte_integer_max);
  std::byte* const place = out.extend(fixed_header_size(remaining_length));
  *place = static_cast<std::byte>(static_cast<unsigned>(type) << 4U | flags);
  put_variable_byte_integer(place + 1, static_cast<std::uint32_t>(remaining_length));
}

}  // namespace mqtt
