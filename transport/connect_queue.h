// transport/connect_queue.h
#pragma once

#include <cassert>
#include <span>
#include <utility>
#include <vector>

#include "broker/core/ids.h"

namespace transport {

/// Bytes of CONNECT packets that wait until the poll after their read is over, and with it all
/// input that came before them.
///
/// In one poll epoll may report the new connection of a client before the old one, although the
/// DISCONNECT on the old one was sent first: the takeover would publish its will [MQTT-3.14.4-3].
///
/// Shape      add() -> take_due() at the end of this turn, which only makes them due -> a poll ->
///            take_due() at the end of the next turn, which returns them.
/// Invariant  Of a connection it has the bytes of one read, at most LoginBytes::free_bytes.
/// Threads    Its loop's only.
class ConnectQueue {
 public:
  struct Entry {
    broker::ConnectionId id;
    std::vector<std::byte> bytes;
  };

  /// Copies the bytes of a connection that has none here.
  void add(broker::ConnectionId id, std::span<const std::byte> bytes) {
    assert(!bytes.empty());
    added_.push_back({id, {bytes.begin(), bytes.end()}});
  }
  /// To be called once between two polls. Returns the entries of before the last poll, in their
  /// order.
  [[nodiscard]] std::vector<Entry> take_due() {
    return std::exchange(due_, std::exchange(added_, {}));
  }
  [[nodiscard]] bool empty() const noexcept { return added_.empty() && due_.empty(); }

 private:
  std::vector<Entry> added_;  // since the last poll began
  std::vector<Entry> due_;    // before that
};

}  // namespace transport
