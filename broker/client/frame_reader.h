// broker/client/frame_reader.h
#pragma once

#include <cstddef>
#include <optional>

#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/protocol.h"

namespace client {

/// Cuts a stream that comes in pieces into packets.
///
/// Shape      A packet that is whole in one piece is read where it lies. One that is not is put
///            together in a buffer, which takes no byte of the next.
/// Invariant  The buffer grows with bytes that have come, not with the length in a header.
/// Lifetime   A piece stays its owner's and in place until next() has returned nothing. A frame is
///            good until the next call.
class FrameReader {
 public:
  /// Requires  next() has returned nothing since the last piece.
  void feed(mqtt::Bytes piece);
  /// The next packet; nothing if there is no whole one.
  ///
  /// Errors    As mqtt::next_frame().
  [[nodiscard]] mqtt::Decoded<std::optional<mqtt::Frame>> next(std::size_t packet_bytes_max,
                                                               mqtt::Version version);
  /// Copies the rest of the piece, so that its owner may have it back.
  void keep();
  /// Forgets all, and gives the memory back.
  void reset() noexcept;
  /// Bytes of a packet that is not whole.
  [[nodiscard]] std::size_t buffered_bytes() const noexcept { return tail_.size(); }

 private:
  /// Moves the missing bytes of the packet into the buffer. Returns false if none have come.
  bool fill_tail();
  void drop_tail() noexcept;

  mqtt::Bytes piece_;
  mqtt::ByteBuffer kept_;  // after keep() piece_ points into it
  mqtt::ByteBuffer tail_;
  bool tail_given_ = false;  // the last frame lies in the buffer
};

}  // namespace client
