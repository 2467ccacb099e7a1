// test/vectors/decode_any.h
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/protocol.h"

namespace vectors {

/// The result of decoding some bytes.
struct Outcome {
  bool complete = true;                  // false: the bytes end before the packet does
  std::optional<mqtt::Failure> failure;  // why the packet was refused
  std::size_t bytes_seen = 0;            // sum over everything that the result points to

  [[nodiscard]] bool accepted() const { return complete && !failure; }
};

/// Gives a frame to the decoder of its type, and reads every byte of the result, so that a view
/// that leaves its buffer is caught by the address sanitizer. Types that only the other side sends
/// are a protocol_error, and so is AUTH before 5.0.
[[nodiscard]] Outcome decode_frame(const mqtt::Frame& frame, mqtt::Version version,
                                   mqtt::Side sent_by = mqtt::Side::client);

/// Cuts one packet off `bytes` and decodes it.
[[nodiscard]] Outcome decode_any(mqtt::Bytes bytes, mqtt::Version version,
                                 mqtt::Side sent_by = mqtt::Side::client);

/// A packet that a decoder took apart and an encoder put together.
struct Rewritten {
  std::string meaning;  // every member that decoding gave, as text
  std::string bytes;    // in the encoder's own form: shortest, properties in its order
};

/// Decodes a frame as decode_frame(), and encodes the result.
[[nodiscard]] mqtt::Decoded<Rewritten> rewrite(const mqtt::Frame& frame, mqtt::Version version,
                                               mqtt::Side sent_by = mqtt::Side::client);

}  // namespace vectors
