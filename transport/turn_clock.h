#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "broker/core/ids.h"

namespace transport {

/// The turns of a loop: their number, and how long output has waited for other sockets of its turn.
///
/// Shape      wait() -> woke() -> left() as often as output leaves -> wait() ...
/// Invariant  The time in which a loop waits for sockets is in no turn.
/// Threads    The loop's, but for take_longest_milliseconds(), which any may call.
class TurnClock {
 public:
  /// The next turn begins.
  void next() noexcept { ++number_; }
  /// Counts turns.
  [[nodiscard]] std::uint32_t number() const noexcept { return number_; }

  /// The loop goes to wait for its sockets.
  void wait() noexcept { waiting_ = true; }

  /// That wait was over at `end`. May be said again until the next one: the first word counts.
  void woke(broker::Instant end) noexcept {
    if (std::exchange(waiting_, false)) began_ = end;
  }

  /// Output has left.
  void left(broker::Instant now) noexcept {
    const std::int64_t milliseconds = now.milliseconds - began_.milliseconds;
    began_ = now;
    if (milliseconds > longest_milliseconds_.load(std::memory_order_relaxed)) {
      longest_milliseconds_.store(milliseconds, std::memory_order_relaxed);
    }
  }

  /// The longest since the last call.
  [[nodiscard]] std::int64_t take_longest_milliseconds() noexcept {
    return longest_milliseconds_.exchange(0, std::memory_order_relaxed);
  }

 private:
  broker::Instant began_;  // when the last wait ended, or output left last
  std::uint32_t number_ = 0;
  bool waiting_ = false;
  std::atomic<std::int64_t> longest_milliseconds_{0};
};

}  // namespace transport
