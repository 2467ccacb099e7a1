// broker/trace/packet_cutter.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"

namespace trace {

/// A packet of a stream, or the front of one.
///
/// Lifetime   `body` is good until the next call of the PacketCutter that made it.
struct CutPacket {
  mqtt::PacketType type = mqtt::PacketType::connect;
  std::uint8_t flags = 0;
  mqtt::Bytes body;               // the front of it that was kept
  std::size_t size_bytes = 0;     // of the whole packet, with its header
  std::size_t missing_bytes = 0;  // of the body, behind that front

  [[nodiscard]] bool is_whole() const noexcept { return missing_bytes == 0; }
};

/// Cuts a stream that comes in pieces into packets, with bounded memory: of a packet that does not
/// come in one piece, kept_bytes_max at the front are kept.
///
/// Invariant  Nothing is judged but the form of a fixed header: type 0, or a length of more than
///            four bytes, is none, and ends the cutting.
/// Lifetime   A piece has to stay until take() has returned nothing.
class PacketCutter {
 public:
  static constexpr std::size_t kept_bytes_max = 8192;

  /// The next packet that ends in `piece`, whose bytes are taken off its front; nothing: all of the
  /// piece is used.
  [[nodiscard]] std::optional<CutPacket> take(mqtt::Bytes& piece);
  /// Whether bytes came that are no packet: no more is cut.
  [[nodiscard]] bool broken() const noexcept { return broken_; }
  /// The first of those bytes, as far as they were kept.
  [[nodiscard]] mqtt::Bytes broken_bytes() const noexcept { return kept_.view(); }

 private:
  /// Completes the header of the packet under way. Returns its size; 0: it is not whole.
  [[nodiscard]] std::size_t complete_header(mqtt::Bytes& piece);
  [[nodiscard]] static CutPacket packet_of(mqtt::Bytes front, std::size_t size_bytes);
  void give_up(mqtt::Bytes bytes);

  mqtt::ByteBuffer kept_;       // the front of the packet under way
  std::size_t size_bytes_ = 0;  // of that packet; 0: its header is not whole
  std::size_t come_bytes_ = 0;  // so much of it has come
  bool given_ = false;          // it is complete, and was given
  bool broken_ = false;
};

}  // namespace trace
