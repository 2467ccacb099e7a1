// transport/deadlines.h
#pragma once

#include <deque>
#include <optional>

#include "broker/core/ids.h"

namespace transport {

/// Connections in the order in which to look at them again: a timer for all that wait equally long.
///
/// Invariant  Due times do not decrease, as long as all are pushed with the same delay.
/// Threads    None.
class Deadlines {
 public:
  void push(broker::ConnectionId connection, broker::Instant due) {
    queue_.push_back({connection, due});
  }
  [[nodiscard]] bool empty() const noexcept { return queue_.empty(); }
  /// The next connection that is due, if there is one.
  [[nodiscard]] std::optional<broker::ConnectionId> pop(broker::Instant now) {
    if (queue_.empty() || queue_.front().due > now) return std::nullopt;
    const broker::ConnectionId connection = queue_.front().connection;
    queue_.pop_front();
    return connection;
  }

 private:
  struct Entry {
    broker::ConnectionId connection;
    broker::Instant due;
  };
  std::deque<Entry> queue_;
};

}  // namespace transport
