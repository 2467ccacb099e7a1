#include "broker/wire/connack.h"

#include "broker/wire/cursor.h"
#include "broker/wire/framer.h"
#include "broker/wire/properties.h"

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
  write_if(out, Id::response_information, packet.response_information);
  write_if(out, Id::authentication_method, packet.authentication_method);
  write_if(out, Id::reason_string, packet.reason_string);
}

/// Session Present is 0 if the connection is refused [MQTT-3.2.2-6] [MQTT3-3.2.2-4]; 3.1 did not
/// have it. The other bits are 0 [MQTT-3.2.2-1].
std::uint8_t acknowledge_flags(const Connack& packet, Version version) noexcept {
  const bool present = packet.session_present && packet.reason == Reason::success;
  return present && version != Version::v3_1 ? 1 : 0;
}

}  // namespace

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
