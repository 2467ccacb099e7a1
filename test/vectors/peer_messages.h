// test/vectors/peer_messages.h
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "broker/peer_wire.h"
#include "broker/wire/bytes.h"

namespace vectors {

/// One message of a peer, or bytes that are none, as Packet is for clients.
struct PeerBytes {
  std::string name;
  std::string bytes;
  std::optional<broker::PeerFault> fault;  // nothing: it is well-formed

  [[nodiscard]] mqtt::Bytes view() const { return mqtt::as_bytes(bytes); }
  [[nodiscard]] bool valid() const { return !fault; }
};

/// Little-endian integers, and texts with their sizes in front, by hand.
[[nodiscard]] std::string le16(unsigned value);
[[nodiscard]] std::string le32(std::uint32_t value);
[[nodiscard]] std::string le64(std::uint64_t value);
[[nodiscard]] std::string long_text(std::string_view value);
/// A message: size, version 1, `kind`, `fields`.
[[nodiscard]] std::string peer_message(unsigned kind, std::string_view fields);

/// Every kind in its smallest and largest forms, and one broken message or more for each rule.
/// MetricsReport is not here: its size is that of the build.
[[nodiscard]] std::vector<PeerBytes> peer_messages();

}  // namespace vectors
