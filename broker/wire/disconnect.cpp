#include "broker/wire/disconnect.h"

#include <cassert>

#include "broker/wire/cursor.h"

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

/// The reasons that table 3-10 lets a server send, and the one that only section 2.4 lists.
bool may_come_from_a_server(Reason reason) noexcept {
  switch (reason) {
    case Reason::success:
    case Reason::unspecified_error:
    case Reason::malformed_packet:
    case Reason::protocol_error:
    case Reason::implementation_specific_error:
    case Reason::not_authorized:
    case Reason::server_busy:
    case Reason::server_shutting_down:
    case Reason::bad_authentication_method:
      return true;
    default:
      return reason >= Reason::keep_alive_timeout &&
             reason <= Reason::wildcard_subscriptions_not_supported &&
             reason != Reason::packet_identifier_in_use &&
             reason != Reason::packet_identifier_not_found;
  }
}

/// Table 3-11: success is the server's to say, re-authenticate the client's [MQTT-3.15.2-1].
bool may_carry(Reason reason, Side sent_by) noexcept {
  if (reason == Reason::continue_authentication) return true;
  return reason == (sent_by == Side::server ? Reason::success : Reason::re_authenticate);
}

Decoded<bool> note_property(const Property& property, Side sent_by, Disconnect& disconnect) {
  switch (property.id) {
    case PropertyId::session_expiry_interval:
      if (sent_by == Side::server) {
        return refused(Reason::protocol_error, "session expiry interval from a server",
                       "[MQTT-3.14.2-2]");
      }
      disconnect.session_expiry_interval_seconds = property.number;
      return true;
    case PropertyId::reason_string:
      disconnect.reason_string = property.text;
      return true;
    case PropertyId::server_reference:  // only a server refers to another
      if (sent_by == Side::client) {
        return refused(Reason::protocol_error, "server reference from a client",
                       "[section 3.14.2.2.5]");
      }
      disconnect.server_reference = property.text;
      return true;
    default:
      return true;
  }
}

void note_property(const Property& property, Auth& auth) {
  if (property.id == PropertyId::authentication_method) auth.authentication_method = property.text;
  if (property.id == PropertyId::authentication_data) auth.authentication_data = property.data;
  if (property.id == PropertyId::reason_string) auth.reason_string = property.text;
}

/// The rest of the packet is a property block, or nothing (sections 3.14.2.2.1 and 3.15.2.1).
/// `note(const Property&)` keeps the properties that the packet has members for.
template <typename Packet, typename Note>
Decoded<bool> read_properties(Cursor& cursor, PropertyPlace place, Packet& packet, Note&& note) {
  if (cursor.at_end()) return true;
  const auto block = take_property_block(cursor);
  if (!block || !cursor.at_end()) return malformed("properties do not fit");
  return visit_properties(*block, place, [&](const Property& property) {
    if (property.id == PropertyId::user_property) packet.user_properties = UserProperties(*block);
    return note(property);
  });
}

Decoded<bool> read_body(Cursor& cursor, Side sent_by, Disconnect& disconnect) {
  const auto code = cursor.byte();
  if (!code) return true;
  disconnect.reason = static_cast<Reason>(*code);
  const bool allowed = sent_by == Side::client ? may_come_from_a_client(disconnect.reason)
                                               : may_come_from_a_server(disconnect.reason);
  if (!allowed) {
    return refused(Reason::protocol_error, "reason code not allowed in this packet",
                   "[MQTT-3.14.2-1]");
  }
  return read_properties(
      cursor, PropertyPlace::disconnect, disconnect,
      [&](const Property& property) { return note_property(property, sent_by, disconnect); });
}

void write_properties(const Disconnect& packet, Side sent_by, ByteBuffer& out) {
  if (packet.session_expiry_interval_seconds && sent_by == Side::client) {
    write_property(out, PropertyId::session_expiry_interval,
                   *packet.session_expiry_interval_seconds);
  }
  if (packet.server_reference && sent_by == Side::server) {
    write_property(out, PropertyId::server_reference, *packet.server_reference);
  }
  write_explanation(out, packet.reason_string, packet.user_properties);
}

void write_properties(const Auth& packet, ByteBuffer& out) {
  if (packet.authentication_method) {
    write_property(out, PropertyId::authentication_method, *packet.authentication_method);
  }
  if (packet.authentication_data) {
    write_property(out, PropertyId::authentication_data, *packet.authentication_data);
  }
  write_explanation(out, packet.reason_string, packet.user_properties);
}

/// A packet of a reason and properties, each of which may be left out with nothing behind it.
void write_short(PacketType type, Reason reason, Bytes properties, ByteBuffer& out) {
  ByteBuffer body;
  if (reason != Reason::success || !properties.empty()) {
    body.push_back(static_cast<std::uint8_t>(reason));
  }
  if (!properties.empty()) write_property_block(body, properties);
  write_fixed_header(out, type, 0, body.size());
  out.append(body.view());
}

}  // namespace

Decoded<Disconnect> decode_disconnect(const Frame& frame, Version version, Side sent_by) {
  Disconnect disconnect;
  if (version != Version::v5_0) {
    if (sent_by == Side::server) return refused(Reason::protocol_error, "DISCONNECT from a server");
    if (!frame.body.empty()) return malformed("bytes left over");
    return disconnect;
  }
  Cursor cursor(frame.body);
  const auto read = read_body(cursor, sent_by, disconnect);
  if (!read) return std::unexpected(read.error());
  return disconnect;
}

void encode(const Disconnect& packet, Version version, Side sent_by, ByteBuffer& out) {
  assert(version == Version::v5_0 || sent_by == Side::client);
  ByteBuffer properties;
  if (version == Version::v5_0) write_properties(packet, sent_by, properties);
  const Reason reason = version == Version::v5_0 ? packet.reason : Reason::success;
  write_short(PacketType::disconnect, reason, properties.view(), out);
}

Decoded<Auth> decode_auth(const Frame& frame, Side sent_by) {
  Auth auth;
  Cursor cursor(frame.body);
  auth.reason = static_cast<Reason>(cursor.byte().value_or(0));
  if (!may_carry(auth.reason, sent_by)) {
    return refused(Reason::protocol_error, "reason code not allowed in this packet",
                   "[MQTT-3.15.2-1]");
  }
  if (frame.body.empty()) return auth;
  const auto read =
      read_properties(cursor, PropertyPlace::auth, auth,
                      [&](const Property& property) { note_property(property, auth); });
  if (!read) return std::unexpected(read.error());
  if (!auth.authentication_method) {
    return refused(Reason::protocol_error, "no authentication method", "[section 3.15.2.2.2]");
  }
  return auth;
}

void encode(const Auth& packet, ByteBuffer& out) {
  ByteBuffer properties;
  write_properties(packet, properties);
  write_short(PacketType::auth, packet.reason, properties.view(), out);
}

Decoded<bool> decode_pingreq(const Frame& frame) {
  if (!frame.body.empty()) return malformed("bytes left over");
  return true;
}

Decoded<bool> decode_pingresp(const Frame& frame) { return decode_pingreq(frame); }

void encode_pingreq(ByteBuffer& out) { write_fixed_header(out, PacketType::pingreq, 0, 0); }

void encode_pingresp(ByteBuffer& out) { write_fixed_header(out, PacketType::pingresp, 0, 0); }

}  // namespace mqtt
