// broker/wire/connect.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/properties.h"
#include "broker/wire/protocol.h"

namespace mqtt {

/// The will of a CONNECT (sections 3.1.2.5 and 3.1.3.2).
struct Will {
  std::string_view topic;  // checked: a valid topic name
  Bytes payload;
  Qos qos = Qos::at_most_once;
  bool retain = false;
  std::uint32_t delay_interval_seconds = 0;
  std::optional<std::uint32_t> message_expiry_interval_seconds;
  /// The whole block, without its length; empty before 5.0. Will delay and message expiry may stand
  /// in the middle of it: forwarded_properties() of publish.h makes the block that travels with the
  /// message. encode() writes these two from the members above.
  Bytes properties;
};

/// CONNECT (section 3.1).
///
/// Lifetime   Views into the frame.
struct Connect {
  Version version = Version::v5_0;
  bool from_bridge = false;  // bit 7 of the level, as Mosquitto's bridges set it
  bool clean_start = false;  // Clean Session before 5.0
  std::uint16_t keep_alive_seconds = 0;
  std::string_view client_id{};
  std::optional<std::string_view> user_name{};
  std::optional<Bytes> password{};
  std::optional<Will> will{};
  std::uint32_t session_expiry_interval_seconds = 0;  // 0xFFFFFFFF: never
  std::uint16_t receive_maximum = 65'535;
  std::uint32_t maximum_packet_size_bytes = 0;  // 0: no limit
  std::uint16_t topic_alias_maximum = 0;
  bool request_response_information = false;
  bool request_problem_information = true;
  std::optional<std::string_view> authentication_method{};
  std::optional<Bytes> authentication_data{};
  UserProperties user_properties{};
};

/// Decodes the body of a CONNECT; `header_flags` are those of its fixed header.
///
/// Errors    unsupported_protocol_version: a known protocol name with a level that is none of 3
///           (with MQIsdp), 4, 5 (with MQTT) [MQTT-3.1.2-1] [MQTT-3.1.2-2]; malformed_packet or
///           protocol_error for the rest: bad name, reserved flag [MQTT-3.1.2-3], will bits
///           [MQTT-3.1.2-11] to [MQTT-3.1.2-13], password without user name before 5.0, bad UTF-8,
///           bytes left over, will topic that is empty or has wildcards, flags in the header from
///           3.1.1 on. client_identifier_not_valid: a client identifier that is not UTF-8.
[[nodiscard]] Decoded<Connect> decode_connect(Bytes body, std::uint8_t header_flags = 0);

/// Appends the packet. Properties that have their default values are left out, and before 5.0 there
/// are none.
///
/// Requires  A packet that decode_connect() accepts: a will's topic is a topic name, texts are
///           UTF-8; before 5.0 a password goes with a user name; a bridge has no version 5.0;
///           authentication data has a method.
void encode(const Connect& packet, ByteBuffer& out);

/// The front of a CONNECT, for the answer and the log line if the rest is refused.
///
/// Lifetime   Views into the body.
struct ConnectHead {
  /// The version to answer in: the one that is asked for. 5.0 if the level is none of 3, 4 and 5,
  /// as Mosquitto; 3.1.1 if name and level do not go together or are missing.
  Version version = Version::v3_1_1;
  std::uint8_t level = 0;
  std::string_view client_id;  // empty if it cannot be read; a guess if the level is unknown
};

[[nodiscard]] ConnectHead head_of_connect(Bytes body) noexcept;

}  // namespace mqtt
