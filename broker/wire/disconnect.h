// broker/wire/disconnect.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/protocol.h"

namespace mqtt {

/// DISCONNECT (section 3.14).
struct Disconnect {
  Reason reason = Reason::success;
  std::optional<std::uint32_t> session_expiry_interval_seconds{};
  std::string_view reason_string{};
};

/// Errors    malformed_packet; protocol_error for a reason that only servers send or a property
///           that does not belong.
[[nodiscard]] Decoded<Disconnect> decode_disconnect(const Frame& frame, Version version);

/// Appends a DISCONNECT, without a session expiry interval [MQTT-3.14.2-2]. Requires version 5.0:
/// older servers just close.
void encode(const Disconnect& packet, ByteBuffer& out);

/// AUTH (section 3.15).
struct Auth {
  Reason reason = Reason::success;
  std::optional<std::string_view> authentication_method{};
};

/// Errors    malformed_packet, protocol_error as decode_disconnect().
[[nodiscard]] Decoded<Auth> decode_auth(const Frame& frame);

/// PINGREQ must be empty (section 3.12).
[[nodiscard]] Decoded<bool> decode_pingreq(const Frame& frame);

/// Appends a PINGRESP [MQTT-3.12.4-1] [MQTT3-3.12.4-1].
void encode_pingresp(ByteBuffer& out);

}  // namespace mqtt
