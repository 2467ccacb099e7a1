#include "broker/wire/connack.h"

#include <array>

#include "broker/wire/cursor.h"

namespace mqtt {
namespace {

void write_if(ByteBuffer& out, PropertyId id, const auto& value) {
  if (value) write_property(out, id, *value);
}

void write_properties(const Connack& packet, ByteBuffer& out) {
  using Id = PropertyId;
  write_if(out, Id::server_keep_alive, packet.server_keep_alive_seconds);
  write_if(out, Id::topic_alias_maximum, packet.topic_alias_maximum);
  write_if(out, Id::assigned_client_identifier, packet.assigned_client_identifier);
  write_if(out, Id::retain_available, packet.retain_available);
  write_if(out, Id::maximum_packet_size, packet.maximum_packet_size_bytes);
  write_if(out, Id::receive_maximum, packet.receive_maximum);
  write_if(out, Id::maximum_qos, packet.maximum_qos);
  write_if(out, Id::session_expiry_interval, packet.session_expiry_interval_seconds);
  write_if(out, Id::wildcard_subscription_available, packet.wildcard_subscription_available);
  write_if(out, Id::subscription_identifier_available, packet.subscription_identifiers_available);
  write_if(out, Id::shared_subscription_available, packet.shared_subscription_available);
  write_if(out, Id::response_information, packet.response_information);
  write_if(out, Id::server_reference, packet.server_reference);
  write_if(out, Id::authentication_method, packet.authentication_method);
  write_if(out, Id::authentication_data, packet.authentication_data);
  write_if(out, Id::reason_string, packet.reason_string);
  packet.user_properties.append_to(out);
}

void note_number(const Property& property, Connack& connack) {
  const std::uint32_t number = property.number;
  switch (property.id) {
    case PropertyId::session_expiry_interval:
      connack.session_expiry_interval_seconds = number;
      break;
    case PropertyId::receive_maximum:
      connack.receive_maximum = static_cast<std::uint16_t>(number);
      break;
    case PropertyId::maximum_qos:
      connack.maximum_qos = static_cast<std::uint8_t>(number);
      break;
    case PropertyId::retain_available:
      connack.retain_available = number != 0;
      break;
    case PropertyId::maximum_packet_size:
      connack.maximum_packet_size_bytes = number;
      break;
    case PropertyId::topic_alias_maximum:
      connack.topic_alias_maximum = static_cast<std::uint16_t>(number);
      break;
    case PropertyId::wildcard_subscription_available:
      connack.wildcard_subscription_available = number != 0;
      break;
    case PropertyId::subscription_identifier_available:
      connack.subscription_identifiers_available = number != 0;
      break;
    case PropertyId::shared_subscription_available:
      connack.shared_subscription_available = number != 0;
      break;
    case PropertyId::server_keep_alive:
      connack.server_keep_alive_seconds = static_cast<std::uint16_t>(number);
      break;
    default:
      break;
  }
}

void note_text(const Property& property, Connack& connack) {
  switch (property.id) {
    case PropertyId::assigned_client_identifier:
      connack.assigned_client_identifier = property.text;
      break;
    case PropertyId::response_information:
      connack.response_information = property.text;
      break;
    case PropertyId::server_reference:
      connack.server_reference = property.text;
      break;
    case PropertyId::authentication_method:
      connack.authentication_method = property.text;
      break;
    case PropertyId::authentication_data:
      connack.authentication_data = property.data;
      break;
    case PropertyId::reason_string:
      connack.reason_string = property.text;
      break;
    default:
      break;
  }
}

Decoded<bool> read_properties(Cursor& cursor, Connack& connack) {
  const auto block = take_property_block(cursor);
  if (!block || !cursor.at_end()) return malformed("properties do not fit");
  auto read = visit_properties(*block, PropertyPlace::connack, [&](const Property& property) {
    note_number(property, connack);
    note_text(property, connack);
    if (property.id == PropertyId::user_property) connack.user_properties = UserProperties(*block);
  });
  if (read && connack.authentication_data && !connack.authentication_method) {
    return refused(Reason::protocol_error, "authentication data without a method");
  }
  return read;
}

/// Table 3-1 [MQTT-3.2.2-8].
bool may_answer_a_connect(Reason reason) noexcept {
  const auto code = static_cast<unsigned>(reason);
  switch (reason) {
    case Reason::success:
    case Reason::bad_authentication_method:
    case Reason::topic_name_invalid:
    case Reason::packet_too_large:
    case Reason::quota_exceeded:
    case Reason::payload_format_invalid:
    case Reason::retain_not_supported:
    case Reason::qos_not_supported:
    case Reason::use_another_server:
    case Reason::server_moved:
    case Reason::connection_rate_exceeded:
      return true;
    default:
      return code >= 0x80 && code <= 0x8A;
  }
}

constexpr std::array return_codes = {
    Reason::success,
    Reason::unsupported_protocol_version,
    Reason::client_identifier_not_valid,
    Reason::server_unavailable,
    Reason::bad_user_name_or_password,
    Reason::not_authorized,
};

/// The code of 3.1 and 3.1.1, with nothing behind it.
Decoded<bool> read_return_code(Cursor& cursor, std::uint8_t code, Connack& connack) {
  if (!cursor.at_end()) return malformed("bytes left over");
  if (code >= return_codes.size()) return refused(Reason::protocol_error, "reserved return code");
  connack.reason = return_codes[code];
  return true;
}

Decoded<bool> read_reason(Cursor& cursor, std::uint8_t code, Connack& connack) {
  if (cursor.at_end() && code == 1) return read_return_code(cursor, code, connack);
  connack.reason = static_cast<Reason>(code);
  if (!may_answer_a_connect(connack.reason)) {
    return refused(Reason::protocol_error, "reason code not allowed in this packet");
  }
  return read_properties(cursor, connack);
}

/// Session Present is 0 if the connection is refused [MQTT-3.2.2-6] [MQTT3-3.2.2-4]; 3.1 did not
/// have it. The other bits are 0 [MQTT-3.2.2-1].
std::uint8_t acknowledge_flags(const Connack& packet, Version version) noexcept {
  const bool present = packet.session_present && packet.reason == Reason::success;
  return present && version != Version::v3_1 ? 1 : 0;
}

}  // namespace

Decoded<Connack> decode_connack(const Frame& frame, Version version) {
  Connack connack;
  Cursor cursor(frame.body);
  const auto flags = cursor.byte();
  const auto code = cursor.byte();
  if (!flags || !code) return malformed("no flags and reason code");
  if (version != Version::v3_1) {
    if (*flags > 1) return malformed("reserved acknowledge flag");  // [MQTT-3.2.2-1]
    connack.session_present = *flags == 1;
  }
  const auto read = version == Version::v5_0 ? read_reason(cursor, *code, connack)
                                             : read_return_code(cursor, *code, connack);
  if (!read) return std::unexpected(read.error());
  // [MQTT-3.2.2-6] [MQTT3-3.2.2-4]
  if (connack.session_present && connack.reason != Reason::success) {
    return refused(Reason::protocol_error, "a refusal with a session");
  }
  return connack;
}

void encode(const Connack& packet, Version version, ByteBuffer& out) {
  ByteBuffer body;
  body.push_back(acknowledge_flags(packet, version));
  if (version == Version::v5_0) {
    body.push_back(static_cast<std::uint8_t>(packet.reason));
    ByteBuffer properties;
    write_properties(packet, properties);
    write_property_block(body, properties.view());
  } else {
    body.push_back(connect_return_code(packet.reason));
  }
  write_fixed_header(out, PacketType::connack, 0, body.size());
  out.append(body.view());
}

std::uint8_t connect_return_code(Reason reason) noexcept {
  switch (reason) {
    case Reason::success:
      return 0;
    case Reason::unsupported_protocol_version:
      return 1;
    case Reason::client_identifier_not_valid:
      return 2;
    case Reason::bad_user_name_or_password:
    case Reason::bad_authentication_method:
      return 4;
    case Reason::not_authorized:
    case Reason::banned:
      return 5;
    default:
      return 3;
  }
}

}  // namespace mqtt
