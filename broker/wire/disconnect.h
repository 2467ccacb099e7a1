// broker/wire/disconnect.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/properties.h"
#include "broker/wire/protocol.h"

namespace mqtt {

/// DISCONNECT (section 3.14).
///
/// Lifetime   Views into the frame, if it was decoded.
struct Disconnect {
  Reason reason = Reason::success;
  std::optional<std::uint32_t> session_expiry_interval_seconds{};  // a client's alone
  std::string_view reason_string{};
  std::optional<std::string_view> server_reference{};  // a server's alone
  UserProperties user_properties{};
};

/// Decodes a DISCONNECT that `sent_by` sent.
///
/// Errors    malformed_packet: bytes left over, bad properties, before 5.0 any body;
/// protocol_error:
///           a reason that table 3-10 does not let that side send [MQTT-3.14.2-1] (a server may
///           also say bad_authentication_method, as section 2.4 has it), a session expiry interval
///           from a server [MQTT-3.14.2-2], a server reference from a client. Before 5.0 a server
///           sends none at all: protocol_error.
[[nodiscard]] Decoded<Disconnect> decode_disconnect(const Frame& frame, Version version,
                                                    Side sent_by = Side::client);

/// Appends a DISCONNECT that `sent_by` sends. A server's has no session expiry interval
/// [MQTT-3.14.2-2], a client's no server reference, and before 5.0 it has no body. A normal
/// disconnection without properties has none either.
///
/// Requires  Version 5.0 of a server: older ones just close.
void encode(const Disconnect& packet, Version version, Side sent_by, ByteBuffer& out);

/// AUTH (section 3.15), of 5.0 alone.
///
/// Lifetime   Views into the frame, if it was decoded.
struct Auth {
  Reason reason = Reason::success;
  std::optional<std::string_view> authentication_method{};
  std::optional<Bytes> authentication_data{};
  std::string_view reason_string{};
  UserProperties user_properties{};
};

/// Decodes an AUTH that `sent_by` sent.
///
/// Errors    malformed_packet: bytes left over, bad properties; protocol_error: a reason that table
///           3-11 does not let that side send [MQTT-3.15.2-1], no method (section 3.15.2.2.2). A
///           success without a body has none: section 3.15.2.1 lets a server leave all of it out.
[[nodiscard]] Decoded<Auth> decode_auth(const Frame& frame, Side sent_by = Side::client);

/// Appends the packet; success without properties has no body.
void encode(const Auth& packet, ByteBuffer& out);

/// PINGREQ and PINGRESP must be empty (sections 3.12 and 3.13).
[[nodiscard]] Decoded<bool> decode_pingreq(const Frame& frame);
[[nodiscard]] Decoded<bool> decode_pingresp(const Frame& frame);

/// Appends a PINGREQ.
void encode_pingreq(ByteBuffer& out);
/// Appends a PINGRESP [MQTT-3.12.4-1] [MQTT3-3.12.4-1].
void encode_pingresp(ByteBuffer& out);

}  // namespace mqtt
