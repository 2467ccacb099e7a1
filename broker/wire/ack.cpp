#include "broker/wire/ack.h"

#include <cassert>

#include "broker/wire/cursor.h"
#include "broker/wire/properties.h"

namespace mqtt {
namespace {

/// PUBREL and PUBCOMP can only say that they know the identifier, or not.
bool may_answer_a_release(Reason reason) noexcept {
  return reason == Reason::success || reason == Reason::packet_identifier_not_found;
}

bool may_answer_a_publish(Reason reason) noexcept {
  switch (reason) {
    case Reason::success:
    case Reason::no_matching_subscribers:
    case Reason::unspecified_error:
    case Reason::implementation_specific_error:
    case Reason::not_authorized:
    case Reason::topic_name_invalid:
    case Reason::packet_identifier_in_use:
    case Reason::quota_exceeded:
    case Reason::payload_format_invalid:
      return true;
    default:
      return false;
  }
}

/// [MQTT-3.4.2-1] [MQTT-3.5.2-1] [MQTT-3.6.2-1] [MQTT-3.7.2-1]
bool may_carry(PacketType type, Reason reason) noexcept {
  const bool answers_publish = type == PacketType::puback || type == PacketType::pubrec;
  return answers_publish ? may_answer_a_publish(reason) : may_answer_a_release(reason);
}

PropertyPlace place_of(PacketType type) noexcept {
  switch (type) {
    case PacketType::puback:
      return PropertyPlace::puback;
    case PacketType::pubrec:
      return PropertyPlace::pubrec;
    case PacketType::pubrel:
      return PropertyPlace::pubrel;
    default:
      return PropertyPlace::pubcomp;
  }
}

/// The statement about its reason codes.
std::string_view code_clause_of(PacketType type) noexcept {
  switch (type) {
    case PacketType::puback:
      return "[MQTT-3.4.2-1]";
    case PacketType::pubrec:
      return "[MQTT-3.5.2-1]";
    case PacketType::pubrel:
      return "[MQTT-3.6.2-1]";
    default:
      return "[MQTT-3.7.2-1]";
  }
}

/// The property length may be left out with nothing behind it (section 3.4.2.2.1).
Decoded<bool> read_properties(Cursor& cursor, Ack& ack) {
  if (cursor.at_end()) return true;
  const auto block = take_property_block(cursor);
  if (!block || !cursor.at_end()) return malformed("properties do not fit");
  return visit_properties(*block, place_of(ack.type), [&](const Property& property) {
    if (property.id == PropertyId::reason_string) {
      ack.reason_string = property.text;
    } else {
      ack.user_properties = UserProperties(*block);
    }
  });
}

/// The fields that 5.0 added after the packet identifier; without them the reason is success
/// (section 3.4.2.1).
Decoded<bool> read_reason(Cursor& cursor, Ack& ack) {
  const auto code = cursor.byte();
  if (!code) return true;
  ack.reason = static_cast<Reason>(*code);
  if (!may_carry(ack.type, ack.reason)) {
    return refused(Reason::protocol_error, "reason code not allowed in this packet",
                   code_clause_of(ack.type));
  }
  return read_properties(cursor, ack);
}

}  // namespace

Decoded<Ack> decode_long_ack(const Frame& frame, Version version) {
  Ack ack{.type = frame.type};
  Cursor cursor(frame.body);
  const auto packet_id = cursor.two_byte_integer();
  // An identifier of 0 answers nothing.
  constexpr std::string_view answers_nothing = "[MQTT-2.2.1-5] [MQTT3-2.3.1-6]";
  if (!packet_id) return malformed("no packet identifier", answers_nothing);
  if (*packet_id == 0) {
    return refused(Reason::protocol_error, "packet identifier 0", answers_nothing);
  }
  ack.packet_id = PacketId{*packet_id};
  if (version != Version::v5_0) {
    if (!cursor.at_end()) return malformed("bytes left over");
    return ack;
  }
  const auto read = read_reason(cursor, ack);
  if (!read) return std::unexpected(read.error());
  return ack;
}

void encode_long(const Ack& packet, ByteBuffer& out) {
  ByteBuffer properties;
  if (!packet.reason_string.empty() || !packet.user_properties.empty()) {
    ByteBuffer block;
    write_explanation(block, packet.reason_string, packet.user_properties);
    write_property_block(properties, block.view());
  }
  write_fixed_header(out, packet.type, flags_of_ack(packet.type), 2U + 1U + properties.size());
  write_two_byte_integer(out, static_cast<std::uint16_t>(packet.packet_id));
  out.push_back(static_cast<std::uint8_t>(packet.reason));
  out.append(properties.view());
}

}  // namespace mqtt
