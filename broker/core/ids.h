// broker/core/ids.h
#pragma once

#include <compare>
#include <cstdint>
#include <functional>

namespace broker {

/// A connection as its loop and its shard name it.
///
/// Shape      `slot` is an index that is used again after the connection ended; `generation` tells
///            the users of one slot apart, so that a late event for an old one is recognised.
/// Threads    A name is good on the loop that gave it, nowhere else.
struct ConnectionId {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  auto operator<=>(const ConnectionId&) const = default;
};

/// Index of a shard, 0 .. shard count - 1.
enum class ShardIndex : std::uint32_t {};

/// Index of a session in its shard. Used again after the session ended.
enum class SessionIndex : std::uint32_t {};

/// A session as the store knows it: never given twice. 0: not stored.
enum class SessionKey : std::uint64_t {};

/// A message as the store knows it: never given twice, the same on all shards. 0: not stored.
enum class MessageKey : std::uint64_t {};

/// A message on its way from one shard to another, as the store knows it: never given twice, and
/// increasing within one shard. 0: not stored on its way.
enum class ForwardKey : std::uint64_t {};

/// A point in time, in milliseconds since an epoch that the host chose; only differences matter.
/// The core has no clock: its callers give the time.
struct Instant {
  std::int64_t milliseconds = 0;
  auto operator<=>(const Instant&) const = default;
};

constexpr Instant after_milliseconds(Instant start, std::int64_t milliseconds) {
  return {start.milliseconds + milliseconds};
}
constexpr Instant after_seconds(Instant start, std::int64_t seconds) {
  return {start.milliseconds + seconds * 1000};
}

}  // namespace broker

template <>
struct std::hash<broker::ConnectionId> {
  std::size_t operator()(const broker::ConnectionId& id) const noexcept {
    return (static_cast<std::size_t>(id.generation) << 32U) | id.slot;
  }
};
