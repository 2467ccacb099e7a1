// transport/handoff_queue.h
#pragma once

#include <cassert>
#include <memory>
#include <utility>
#include <vector>

#include "transport/handoff.h"

namespace transport {

/// Connections that come home to a loop, until older input of the loop was read.
///
/// A client that sends DISCONNECT, closes and connects again has its DISCONNECT in the old socket
/// before its CONNECT is handed over; had that socket not been read, the takeover would publish the
/// will. The bell that announces the handoff may stand before the old socket in the poll's list:
/// only a poll that began after the handoff is sure to have seen the older input.
///
/// Shape      add() -> take_due() at the end of this turn, which only makes it due -> a poll ->
///            take_due() at the end of the next turn, which returns it.
/// Lifetime   Owns the connections.
/// Threads    Its loop's only.
class HandoffQueue {
 public:
  using Handoffs = std::vector<std::unique_ptr<Handoff>>;

  void add(std::unique_ptr<Handoff> arrival) {
    assert(arrival != nullptr);
    arrived_.push_back(std::move(arrival));
  }
  /// To be called once at the end of each turn. Returns those that came before the sockets of the
  /// turn were polled, in their order.
  [[nodiscard]] Handoffs take_due() { return std::exchange(due_, std::exchange(arrived_, {})); }
  /// Whether the next poll may not wait.
  [[nodiscard]] bool has_due() const noexcept { return !due_.empty(); }

 private:
  Handoffs arrived_;  // since the sockets of this turn were polled
  Handoffs due_;      // before that
};

}  // namespace transport
