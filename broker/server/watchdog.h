// broker/server/watchdog.h
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>

#include "broker/core/ids.h"

namespace server {

/// Decides whether the broker is alive: it is while every loop answers.
///
/// Shape      In rounds: each loop is asked once, and when all have answered, the broker has shown
///            that it lives, and the next round begins. No thread waits for an answer: look() sees
///            later whether it came. A loop that hangs is not asked again, so nothing piles up.
/// Units      A round takes at least a quarter of the timeout: two may fail before it is over.
/// Threads    One; answers come from any.
class Watchdog {
 public:
  using Answer = std::function<void()>;
  /// Has the loop call `answer` on its thread, soon.
  using Ask = std::function<void(std::uint32_t loop, Answer answer)>;

  /// The findings of look().
  struct Sight {
    bool alive = false;              ///< every loop has answered: say so
    std::uint64_t silent_loops = 0;  ///< bits of those that are overdue, told once for each round
    std::int64_t silent_milliseconds = 0;
  };

  /// Requires  `loops` is at most 64.
  Watchdog(std::int64_t timeout_milliseconds, std::uint32_t loops, Ask ask);

  /// To be called at least every interval_milliseconds().
  [[nodiscard]] Sight look(broker::Instant now);
  [[nodiscard]] std::int64_t interval_milliseconds() const noexcept {
    return interval_milliseconds_;
  }

 private:
  void begin_round(broker::Instant now);

  std::int64_t timeout_milliseconds_;
  std::int64_t interval_milliseconds_;
  std::uint32_t loops_;
  Ask ask_;
  // Of this round: a bit for each loop that has not answered. Shared with answers that may come
  // after this is gone.
  std::shared_ptr<std::atomic<std::uint64_t>> missing_;
  broker::Instant begun_;
  broker::Instant next_look_;
  bool told_ = false;
};

}  // namespace server
