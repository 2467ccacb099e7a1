// broker/core/queued.h
#pragma once

#include <cstdint>

namespace broker {

/// The messages that wait for the sessions of a shard, or are in flight, and their size.
///
/// Invariant  Each Outgoing and each Backlog adds to it and takes off it as it changes, and takes
///            off the rest when it ends: no figure needs a walk over sessions.
/// Lifetime   It outlives them.
/// Threads    None.
struct Queued {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;

  bool operator==(const Queued&) const = default;
};

}  // namespace broker
