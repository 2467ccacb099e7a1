// broker/turn.h
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <utility>

#include "broker/core/ids.h"
#include "broker/core/outbox.h"
#include "broker/pressure.h"

namespace broker {

/// The turn of the loop that a shard serves: its time, and how much work that can wait may
/// still be done in it.
///
/// Shape      A step is a subscription or two retained messages, about a microsecond. All clients
///            together have steps_max of them in a turn, so that none waits for the work of
///            another. Work that cannot be stopped in its middle may exceed that: the steps
///            beyond are taken off the next slice.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Turn final {
 public:
  static constexpr std::size_t steps_max = 1024;

  Turn(const Outbox& outbox, Pressure& pressure) : outbox_(outbox), pressure_(pressure) {}

  /// The time of the call that is being served.
  [[nodiscard]] Instant now() const noexcept { return now_; }
  /// A call is served; time never runs backwards.
  void enter(Instant now) noexcept {
    assert(now >= now_);
    now_ = now;
  }

  /// A turn begins: all steps are left.
  void begin() noexcept { left_ = steps_max; }
  [[nodiscard]] bool has_steps() const noexcept { return left_ > 0; }
  /// Whether no work has been done in this turn.
  [[nodiscard]] bool is_fresh() const noexcept { return left_ == steps_max; }
  /// Whether one more step may be done: counts it. None may while the outbox is full or the journal
  /// is behind.
  [[nodiscard]] bool take_step() {
    if (left_ == 0 || outbox_.full() || pressure_.journal_is_behind()) return false;
    --left_;
    return true;
  }
  /// Takes steps off, as far as there are any.
  void spend(std::size_t steps) noexcept { left_ -= std::min(left_, steps); }
  /// Steps that were done at once, be they more than are left.
  void spend_or_owe(std::size_t steps) noexcept {
    const std::size_t paid = std::min(left_, steps);
    left_ -= paid;
    owed_ += steps - paid;
  }
  /// For work that counts by itself: how many steps are left, to be lowered.
  [[nodiscard]] std::size_t& steps_left() noexcept { return left_; }

  /// Calls `work()` with so many of the steps that are left, or fewer.
  template <typename Work>
  void slice(std::size_t steps, Work&& work) {
    const std::size_t others = left_ - std::min(steps, left_);
    left_ -= others;
    work();
    left_ += others;
    spend(std::exchange(owed_, 0));
  }

 private:
  const Outbox& outbox_;
  Pressure& pressure_;
  Instant now_;
  std::size_t left_ = steps_max;
  std::size_t owed_ = 0;  // done beyond left_
};

}  // namespace broker
