// broker/wire/protocol.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>

#include "broker/wire/reason.h"

namespace mqtt {

/// Protocol Level in CONNECT (section 3.1.2.2).
enum class Version : std::uint8_t { v3_1 = 3, v3_1_1 = 4, v5_0 = 5 };

/// Control packet types (section 2.1.2).
enum class PacketType : std::uint8_t {
  connect = 1,
  connack = 2,
  publish = 3,
  puback = 4,
  pubrec = 5,
  pubrel = 6,
  pubcomp = 7,
  subscribe = 8,
  suback = 9,
  unsubscribe = 10,
  unsuback = 11,
  pingreq = 12,
  pingresp = 13,
  disconnect = 14,
  auth = 15,
};

/// "PUBLISH" and the like, for log lines.
[[nodiscard]] std::string_view name_of(PacketType type) noexcept;

/// Quality of service (section 4.3).
enum class Qos : std::uint8_t { at_most_once = 0, at_least_once = 1, exactly_once = 2 };

/// Packet Identifier (section 2.2.1); zero means none.
enum class PacketId : std::uint16_t {};

/// The end of a connection that sent a packet: some packets may say more or less by it.
enum class Side : std::uint8_t { client, server };

/// Most bytes of a text or of binary data in a packet (sections 1.5.4 and 1.5.6).
inline constexpr std::size_t text_bytes_max = 65'535;
/// Largest value of a Variable Byte Integer, and so of Remaining Length (section 1.5.5).
inline constexpr std::uint32_t variable_byte_integer_max = 268'435'455;

/// The versions that get a CONNACK with the reason if CONNECT is refused. For others the connection
/// closes without one, as with Mosquitto. A malformed CONNECT is answered from 5.0 on at most.
enum class Answered : std::uint8_t { always, from_v5_0, never };

/// A refusal of bytes from the network. `reason` is the code that a DISCONNECT of either side may
/// carry for it (for a CONNECT: the code of the CONNACK).
///
/// `what` is a static text that names the fault for the log: "wildcard in topic name". `clauses` is
/// one, too: the statements of both specifications that forbid it, as far as they have numbers:
/// "[MQTT-4.7.0-1] [MQTT3-4.7.1-1]". See clauses_text().
struct Failure {
  Reason reason = Reason::malformed_packet;
  std::string_view what;
  Answered answered = Answered::always;  // CONNECT only
  std::string_view clauses{};
};

/// The clauses of a failure that the specification of this version has, each behind a blank:
/// " [MQTT-4.7.0-1]". Those of 3.1.1 stand for 3.1, too.
[[nodiscard]] std::string clauses_text(const Failure& failure, Version version);

template <typename T>
using Decoded = std::expected<T, Failure>;

/// The error value of a Decoded<T>, whatever T is.
[[nodiscard]] constexpr std::unexpected<Failure> refused(Reason reason, std::string_view what,
                                                         std::string_view clauses = {}) {
  return std::unexpected(Failure{reason, what, Answered::always, clauses});
}
[[nodiscard]] constexpr std::unexpected<Failure> malformed(std::string_view what,
                                                           std::string_view clauses = {}) {
  return refused(Reason::malformed_packet, what, clauses);
}

}  // namespace mqtt
