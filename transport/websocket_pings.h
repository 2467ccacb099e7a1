#pragma once

#include <cstdint>
#include <map>
#include <utility>

#include "broker/core/ids.h"
#include "transport/connection.h"
#include "transport/deadlines.h"

namespace transport {

/// Finds the WebSockets of one loop that have been silent for the ping interval of their listener.
///
/// Shape      watch() once for each connection; due() then names it once in an interval at most.
///            A connection answers within an interval, or is lost.
/// Threads    Its loop's only.
class WebSocketPings {
 public:
  /// Watches a connection if its listener sends pings; does nothing to others.
  void watch(Connection& connection, broker::Instant now);
  /// Bytes came from a connection.
  static void heard(Connection& connection, broker::Instant now) noexcept {
    connection.last_bytes = now;
    connection.ping_sent = false;
  }

  enum class Due : std::uint8_t {
    ping,  ///< to be sent now
    lose,  ///< the last one is unanswered
  };
  /// Calls `act(connection, due)` for all that have been silent. `find` returns the open connection
  /// of an id, or null.
  template <typename Find, typename Act>
  void due(broker::Instant now, Find&& find, Act&& act) {
    for (auto& [interval_seconds, deadlines] : deadlines_) {
      while (const auto id = deadlines.pop(now)) {
        Connection* const connection = find(*id);
        if (connection == nullptr) continue;
        broker::Instant next = after_seconds(connection->last_bytes, interval_seconds);
        if (next <= now) {
          if (connection->ping_sent) {
            act(*connection, Due::lose);
            continue;
          }
          connection->ping_sent = true;
          act(*connection, Due::ping);
          next = after_seconds(now, interval_seconds);
        }
        deadlines.push(*id, next);
      }
    }
    std::erase_if(deadlines_, [](const auto& each) { return each.second.empty(); });
  }

 private:
  std::map<std::int64_t, Deadlines> deadlines_;  // by interval in seconds
};

}  // namespace transport
