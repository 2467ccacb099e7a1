#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"

namespace relay {

/// A whole packet, where it was read.
struct Packet {
  std::span<std::byte> whole;
  std::size_t header_bytes = 0;

  [[nodiscard]] unsigned first_byte() const { return std::to_integer<unsigned>(whole[0]); }
  [[nodiscard]] mqtt::PacketType type() const {
    return static_cast<mqtt::PacketType>(first_byte() >> 4U);
  }
  [[nodiscard]] mqtt::Bytes body() const { return whole.subspan(header_bytes); }
};

/// The first packet of `bytes`, or nothing if it is not complete. Unlike mqtt::next_frame() this
/// checks nothing: the floor pays for no check that it could live without.
[[nodiscard]] inline std::optional<Packet> next_packet(std::span<std::byte> bytes) {
  std::size_t length = 0;
  for (std::size_t i = 1; i < bytes.size() && i < 5; ++i) {
    const auto digit = std::to_integer<std::size_t>(bytes[i]);
    length |= (digit & 0x7FU) << (7 * (i - 1));
    if (digit >= 0x80U) continue;
    if (bytes.size() < i + 1 + length) return std::nullopt;
    return Packet{bytes.first(i + 1 + length), i + 1};
  }
  return std::nullopt;
}

}  // namespace relay
