// broker/wire/connack.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"

namespace mqtt {

/// CONNACK (section 3.2). An empty optional is a property that is not sent.
struct Connack {
  bool session_present = false;
  Reason reason = Reason::success;
  std::optional<std::uint16_t> topic_alias_maximum{};
  std::optional<std::string_view> assigned_client_identifier{};
  std::optional<std::uint16_t> server_keep_alive_seconds{};
  std::optional<bool> retain_available{};
  std::optional<std::uint32_t> maximum_packet_size_bytes{};
  std::optional<std::uint16_t> receive_maximum{};
  std::optional<std::uint8_t> maximum_qos{};
  std::optional<std::uint32_t> session_expiry_interval_seconds{};
  std::optional<std::string_view> response_information{};
  std::optional<std::string_view> authentication_method{};
  std::optional<std::string_view> reason_string{};
};

/// Appends the packet. Properties stand in the order of the members above (Mosquitto's, which
/// scripts compare byte for byte); before 5.0 there are none and the reason becomes a return code.
void encode(const Connack& packet, Version version, ByteBuffer& out);

/// The return code of 3.1 and 3.1.1 for a reason of 5.0, 0 to 5 (3.1.1, section 3.2.2.3); what has
/// none of its own is 3, server unavailable.
[[nodiscard]] std::uint8_t connect_return_code(Reason reason) noexcept;

}  // namespace mqtt
