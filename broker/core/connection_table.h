// broker/core/connection_table.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "broker/core/connection.h"
#include "broker/core/ids.h"
#include "broker/core/metrics.h"

namespace broker {

/// The connections of one shard, by the names that its loop gave them.
///
/// Shape      A place for each slot. The loop uses a slot again once its connection is gone; the
///            generation tells the two apart.
/// Invariant  Metrics::sockets_behind and unsent_bytes are the sums over all connections.
/// Lifetime   The table owns its connections: a reference is good until remove().
/// Threads    None.
class ConnectionTable {
 public:
  explicit ConnectionTable(Metrics& metrics) : metrics_(metrics) {}

  /// Requires  No connection has the name.
  Connection& open(ConnectionId id, std::uint8_t timer_kind, Instant now);
  /// Null if there is none of that name, or no more.
  [[nodiscard]] Connection* find(ConnectionId id) const noexcept {
    if (id.slot >= places_.size()) return nullptr;
    Connection* const connection = places_[id.slot].get();
    return connection != nullptr && connection->id == id ? connection : nullptr;
  }
  /// Requires  The connection is of this table.
  void remove(Connection& connection) noexcept;
  /// Takes over how much output the connection's socket has not taken.
  void set_queued(Connection& connection, std::size_t queued_bytes) noexcept;

  /// Calls `visit(Connection&)` for those in `most` slots from `next` on, which it moves on; after
  /// the last one to 0.
  ///
  /// Returns   Whether there are more.
  template <typename Visit>
  bool each_of_some(std::uint32_t& next, std::uint32_t most, Visit&& visit) {
    for (std::uint32_t looks = 0; next < places_.size(); ++next, ++looks) {
      if (looks == most) return true;
      if (places_[next]) visit(*places_[next]);
    }
    next = 0;
    return false;
  }
  /// Calls `visit(Connection&)` for each; `visit` may remove the one it was given.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (std::size_t slot = 0; slot < places_.size(); ++slot) {
      if (places_[slot]) visit(*places_[slot]);
    }
  }

 private:
  Metrics& metrics_;
  std::vector<std::unique_ptr<Connection>> places_;  // by slot
};

}  // namespace broker
