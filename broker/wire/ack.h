// broker/wire/ack.h
#pragma once

#include <string_view>

#include "broker/wire/bytes.h"
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

/// Errors    malformed_packet: too short, bytes left over, bad properties;
///           protocol_error: identifier 0, a reason code the type may not carry (sections 3.4.2.1
///           to 3.7.2.1).
[[nodiscard]] Decoded<Ack> decode_ack(const Frame& frame, Version version);

/// Appends the packet; success without properties is the short form of two bytes, as before 5.0 all
/// are.
void encode(const Ack& packet, Version version, ByteBuffer& out);

}  // namespace mqtt
