// broker/wire/ack.h
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/cursor.h"
#include "broker/wire/framer.h"
#include "broker/wire/properties.h"
#include "broker/wire/protocol.h"

namespace mqtt {

/// PUBACK, PUBREC, PUBREL or PUBCOMP (sections 3.4 to 3.7): one shape, four types. Either side
/// sends each of them.
///
/// Shape      [packet identifier:2] or, 5.0, [packet identifier:2][reason:1][properties]
/// Lifetime   Views into the frame.
struct Ack {
  PacketType type = PacketType::puback;
  PacketId packet_id{0};
  Reason reason = Reason::success;
  std::string_view reason_string{};
  UserProperties user_properties{};
};

/// Flags of the fixed header [MQTT-3.6.1-1] [MQTT3-3.6.1-1].
[[nodiscard]] constexpr std::uint8_t flags_of_ack(PacketType type) noexcept {
  return type == PacketType::pubrel ? 0x02 : 0x00;
}

/// decode_ack() and encode() for packets that are not of the short form; encode_long() for 5.0.
[[nodiscard]] Decoded<Ack> decode_long_ack(const Frame& frame, Version version);
void encode_long(const Ack& packet, ByteBuffer& out);

/// Errors    malformed_packet: too short, bytes left over, bad properties;
///           protocol_error: identifier 0, a reason code the type may not carry (sections 3.4.2.1
///           to 3.7.2.1).
[[nodiscard]] inline Decoded<Ack> decode_ack(const Frame& frame, Version version) {
  if (frame.body.size() == 2) {
    const std::uint16_t packet_id = two_byte_integer_at(frame.body.data());
    if (packet_id != 0) return Ack{.type = frame.type, .packet_id = PacketId{packet_id}};
  }
  return decode_long_ack(frame, version);
}

/// Appends the packet; success without properties is the short form of two bytes, as before 5.0 all
/// are.
inline void encode(const Ack& packet, Version version, ByteBuffer& out) {
  if (version == Version::v5_0 &&
      (packet.reason != Reason::success || !packet.reason_string.empty() ||
       !packet.user_properties.empty())) {
    return encode_long(packet, out);
  }
  constexpr std::uint8_t body_size = 2;
  std::byte* const place = out.extend(2U + body_size);
  place[0] =
      static_cast<std::byte>(static_cast<unsigned>(packet.type) << 4U | flags_of_ack(packet.type));
  place[1] = std::byte{body_size};
  put_two_byte_integer(place + 2, static_cast<std::uint16_t>(packet.packet_id));
}

}  // namespace mqtt
