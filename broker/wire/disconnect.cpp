#include "broker/wire/disconnect.h"

#include "broker/wire/cursor.h"
#include "broker/wire/properties.h"

namespace mqtt {
namespace {

/// The reasons that table 3-10 lets a client send [MQTT-3.14.2-1].
bool may_come_from_a_client(Reason reason) noexcept {
  switch (reason) {
    case Reason::success:
    case Reason::disconnect_with_will_message:
    case Reason::unspecified_error:
    case Reason::malformed_packet:
    case Reason::protocol_error:
    case Reason::implementation_specific_error:
    case Reason::topic_name_invalid:
    case Reason::receive_maximum_exceeded:
    case Reason::topic_alias_invalid:
    case Reason::packet_too_large:
    case Reason::message_rate_too_high:
    case Reason::quota_exceeded:
    case Reason::administrative_action:
    case Reason::payload_format_invalid:
      return true;
    default:
      return false;
  }
}

Decoded<bool> note_property(const Property& property, Disconnect& disconnect) {
  switch (property.id) {
    case PropertyId::session_expiry_interval:
      disconnect.session_expiry_interval_seconds = property.number;
      return true;
    case PropertyId::reason_string:
      disconnect.reason_string = property.text;
      return true;
    case PropertyId::server_reference:  // only a server refers to another (section 3.14.2.2.5)
      return refused(Reason::protocol_error, "server reference from a client");
    default:
      return true;
  }
}

Decoded<bool> note_property(const Property& property, Auth& auth) {
  if (property.id == PropertyId::authentication_method) auth.authentication_method = property.text;
  return true;
}

/// The rest of the packet is a property block, or nothing (sections 3.14.2.2.1 and 3.15.2.1).
template <typename Packet>
Decoded<bool> read_properties(Cursor& cursor, PropertyPlace place, Packet& packet) {
  if (cursor.at_end()) return true;
  const auto block = take_property_block(cursor);
  if (!block || !cursor.at_end()) return malformed("properties do not fit");
  PropertyReader reader(*block, place);
  Property property;
  while (true) {
    const auto more = reader.next(property);
    if (!more || !*more) return more;
    const auto noted = note_property(property, packet);
    if (!noted) return noted;
  }
}

Decoded<bool> read_body(Cursor& cursor, Disconnect& disconnect) {
  const auto code = cursor.byte();
  if (!code) return true;
  disconnect.reason = static_cast<Reason>(*code);
  if (!may_come_from_a_client(disconnect.reason)) {
    return refused(Reason::protocol_error, "reason code not allowed in this packet");
  }
  return read_properties(cursor, PropertyPlace::disconnect, disconnect);
}

}  // namespace

Decoded<Disconnect> decode_disconnect(const Frame& frame, Version version) {
  Disconnect disconnect;
  if (version != Version::v5_0) {
    if (!frame.body.empty()) return malformed("bytes left over");
    return disconnect;
  }
  Cursor cursor(frame.body);
  const auto read = read_body(cursor, disconnect);
  if (!read) return std::unexpected(read.error());
  return disconnect;
}

void encode(const Disconnect& packet, ByteBuffer& out) {
  if (packet.reason == Reason::success && packet.reason_string.empty()) {
    return write_fixed_header(out, PacketType::disconnect, 0, 0);
  }
  ByteBuffer body;
  body.push_back(static_cast<std::uint8_t>(packet.reason));
  if (!packet.reason_string.empty()) {
    ByteBuffer properties;
    write_property(properties, PropertyId::reason_string, packet.reason_string);
    write_property_block(body, properties.view());
  }
  write_fixed_header(out, PacketType::disconnect, 0, body.size());
  out.append(body.view());
}

Decoded<Auth> decode_auth(const Frame& frame) {
  Auth auth;
  Cursor cursor(frame.body);
  auth.reason = static_cast<Reason>(cursor.byte().value_or(0));
  // Success, which an empty packet means too, is the server's to say [MQTT-3.15.2-1].
  if (auth.reason != Reason::continue_authentication && auth.reason != Reason::re_authenticate) {
    return refused(Reason::protocol_error, "reason code not allowed in this packet");
  }
  const auto read = read_properties(cursor, PropertyPlace::auth, auth);
  if (!read) return std::unexpected(read.error());
  if (!auth.authentication_method) {  // section 3.15.2.2.2
    return refused(Reason::protocol_error, "no authentication method");
  }
  return auth;
}

Decoded<bool> decode_pingreq(const Frame& frame) {
  if (!frame.body.empty()) return malformed("bytes left over");
  return true;
}

void encode_pingresp(ByteBuffer& out) { write_fixed_header(out, PacketType::pingresp, 0, 0); }

}  // namespace mqtt
