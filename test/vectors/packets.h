// test/vectors/packets.h
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"
#include "broker/wire/reason.h"

namespace vectors {

/// One packet that a client, or a server, may send or must not.
///
/// Shape      `bytes` is a whole control packet, fixed header first; a broken one is as long as
///            its header says, unless it is the length that is broken.
struct Packet {
  std::string name;  // tells its speciality
  mqtt::Version version = mqtt::Version::v5_0;
  std::string bytes;
  /// The codec's verdict on it, on a connection of that version that takes packets of any size;
  /// nothing if it is well-formed. A receiver that knows more may still refuse a well-formed one: a
  /// second CONNECT, an alias above its maximum, a SUBACK with a code too many.
  std::optional<mqtt::Reason> refused_with;

  [[nodiscard]] mqtt::Bytes view() const { return mqtt::as_bytes(bytes); }
  [[nodiscard]] bool valid() const { return !refused_with.has_value(); }
};

using Packets = std::vector<Packet>;

/// Every packet type that clients send and every property in its smallest and largest forms, and
/// one broken packet or more for each rule of the codec. Always the same, in the same order.
[[nodiscard]] Packets all_packets();
/// The same for servers.
[[nodiscard]] Packets all_server_packets();
/// One of the two.
[[nodiscard]] inline Packets all_packets(mqtt::Side sent_by) {
  return sent_by == mqtt::Side::client ? all_packets() : all_server_packets();
}

/// The parts of it.
[[nodiscard]] Packets framing_packets();
[[nodiscard]] Packets connect_packets();
[[nodiscard]] Packets publish_packets();
[[nodiscard]] Packets ack_packets();
[[nodiscard]] Packets subscribe_packets();
[[nodiscard]] Packets disconnect_packets();
/// Each property of section 2.2.2.2 in each packet that a client, or a server, sends: once, twice,
/// cut short.
[[nodiscard]] Packets property_packets(mqtt::Side sent_by = mqtt::Side::client);
[[nodiscard]] Packets connack_packets();
[[nodiscard]] Packets suback_packets();
/// Packets that both sides send, where a server may say something else.
[[nodiscard]] Packets server_publish_packets();
[[nodiscard]] Packets server_farewell_packets();

}  // namespace vectors
