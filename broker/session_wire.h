// broker/session_wire.h
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/session_image.h"
#include "broker/wire/bytes.h"

namespace broker {

/// A session as bytes, for another process.
///
/// Shape      [version:1][fields, in the order of session_image.h], each in the form of
///            field_wire.h. A link or a file says how long it is.
/// Invariant  Each value has one form: bytes that are decoded are encoded as they were (at the same
///            instant). The form never changes within a version.
/// Time       Hosts have clocks of their own: a deadline crosses as the time that is left.
/// Trust      Bytes that are accepted make a session that a shard may be given: texts, filters and
///            messages are well-formed, states fit their QoS, numbers increase, and no two
///            deliveries in flight have one packet identifier. Whether the sender tells the truth
///            is not checked: a link has to authenticate its other end.
inline constexpr std::uint8_t session_wire_version = 1;

/// Appends a session.
void encode(const SessionImage& session, Instant now, mqtt::ByteBuffer& out);

/// Reads a session; nothing may be left over.
///
/// Errors    A static text that names the fault: "another version".
[[nodiscard]] std::expected<SessionImage, std::string_view> decode_session(mqtt::Bytes bytes,
                                                                           Instant now);

}  // namespace broker
