// broker/core/confirm_request.h
#pragma once

#include <cstdint>

#include "broker/core/ids.h"

namespace broker {

/// Goes along with a message to another shard: "confirm when the message and all that follows from
/// it is stored".
struct ConfirmRequest {
  /// Counts the requests of the sender to this shard at this depth; 0: no confirmation is wanted.
  std::uint64_t number = 0;
  ForwardKey forward{0};  // instead of a number: the sender has stored the message, see Forwards
  /// Shards that the message has come to since a client caused it: 1 for a message that a client
  /// caused, 2 for one that such a message caused, and so on.
  std::uint8_t depth = 0;
};

}  // namespace broker
