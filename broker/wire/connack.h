// broker/wire/connack.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/properties.h"
#include "broker/wire/protocol.h"

namespace mqtt {

/// CONNACK (section 3.2). An empty optional is an absent property; section 3.2.2.3 defines the
/// meaning of its absence.
///
/// Lifetime   Views into the frame, if it was decoded.
struct Connack {
  bool session_present = false;
  Reason reason = Reason::success;
  std::optional<std::uint16_t> topic_alias_maximum{};
  std::optional<std::string_view> assigned_client_identifier{};
  std::optional<std::uint16_t> server_keep_alive_seconds{};
  std::optional<bool> retain_available{};
  std::optional<std::uint32_t> maximum_packet_size_bytes{};
  std::optional<std::uint16_t> receive_maximum{};
  std::optional<std::uint8_t> maximum_qos{};  // 0 or 1; 2 is meant if there is none
  std::optional<std::uint32_t> session_expiry_interval_seconds{};
  std::optional<bool> wildcard_subscription_available{};
  std::optional<bool> subscription_identifiers_available{};
  std::optional<bool> shared_subscription_available{};
  std::optional<std::string_view> response_information{};
  std::optional<std::string_view> server_reference{};
  std::optional<std::string_view> authentication_method{};
  std::optional<Bytes> authentication_data{};
  std::optional<std::string_view> reason_string{};
  UserProperties user_properties{};
};

/// Decodes a server's answer to a CONNECT of `version`.
///
/// A server that does not know version 5.0 may answer in the form of 3.1.1: four bytes, with the
/// return code 1. That is read as unsupported_protocol_version, so that a client can fall back.
///
/// Errors    malformed_packet: too short, bytes left over, acknowledge flags other than Session
///           Present [MQTT-3.2.2-1] (3.1 does not use them), bad properties; protocol_error: a
///           reason code that table 3-1 does not list [MQTT-3.2.2-8], a return code above 5,
///           Session Present together with a refusal [MQTT-3.2.2-6] [MQTT3-3.2.2-4], authentication
///           data without a method.
[[nodiscard]] Decoded<Connack> decode_connack(const Frame& frame, Version version);

/// Appends the packet. Properties stand in Mosquitto's order, as scripts compare it byte for byte;
/// before 5.0 there are none and the reason becomes a return code.
void encode(const Connack& packet, Version version, ByteBuffer& out);

/// The return code of 3.1 and 3.1.1 for a reason of 5.0, 0 to 5 (3.1.1, section 3.2.2.3); a reason
/// without a code of its own is 3, server unavailable.
[[nodiscard]] std::uint8_t connect_return_code(Reason reason) noexcept;

}  // namespace mqtt
