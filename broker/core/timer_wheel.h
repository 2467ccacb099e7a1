// broker/core/timer_wheel.h
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/core/ids.h"

namespace broker {

class TimerWheel;

/// One deadline, embedded in its owner; no allocation.
///
/// Lifetime   Leaves its wheel when destroyed. Must not move while armed.
class Timer {
 public:
  /// `kind` and `owner` are the caller's: the expiry callback gets them.
  Timer(std::uint8_t kind, void* owner) noexcept : owner_(owner), kind_(kind) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void cancel() noexcept;
  [[nodiscard]] bool armed() const noexcept { return next_ != nullptr; }
  [[nodiscard]] Instant deadline() const noexcept { return deadline_; }
  [[nodiscard]] std::uint8_t kind() const noexcept { return kind_; }
  [[nodiscard]] void* owner() const noexcept { return owner_; }

 private:
  friend class TimerWheel;
  Timer() noexcept = default;  // the head of a slot

  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  void* owner_ = nullptr;
  Instant deadline_;
  std::uint8_t kind_ = 0;
};

/// Deadlines of a shard: keep alives, session expiries, delayed wills.
///
/// Shape      Levels of 64 slots; a slot of level n is 128 ms * 64^n wide. A timer sits in the slot
///            of its deadline and moves down a level when time comes near.
/// Units      A timer never fires early, and at most one slot of level 0 plus one tick late.
/// Threads    None.
class TimerWheel {
 public:
  explicit TimerWheel(Instant start = {});
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Arms `timer`, or moves it to another deadline. Constant cost.
  void arm(Timer& timer, Instant deadline) noexcept;

  /// Moves time on and calls `fire(Timer&)` for each due timer, which is disarmed by then. `fire`
  /// may arm, cancel and destroy any timer. The first call sets the time from which slots count;
  /// time that stood still or ran backwards fires nothing.
  /// Cost      Slots passed, plus timers fired and moved; a long jump costs at most all slots.
  template <typename Fire>
  void advance(Instant now, Fire&& fire);
  /// The same for one timer. Returns false if none is due.
  template <typename Fire>
  bool advance_by_one(Instant now, Fire&& fire);

 private:
  static constexpr std::size_t levels = 5;
  static constexpr std::size_t slots = 64;

  /// Takes out the next timer that is due at `now`, or null.
  Timer* pop_due(Instant now) noexcept;
  /// Moves time on: the timers in the slots passed come into `due_`.
  void pass(Instant now) noexcept;
  void place(Timer& timer) noexcept;
  void take_slot(Timer& head) noexcept;
  static void link(Timer& head, Timer& timer) noexcept;

  Timer wheel_[levels][slots];
  Timer due_;  // timers of passed slots that have not been handed out yet
  Instant now_;
  Instant looked_;  // of the last pass(): one pass per instant, so that firing cannot loop
  bool started_ = false;
};

template <typename Fire>
void TimerWheel::advance(Instant now, Fire&& fire) {
  while (Timer* const timer = pop_due(now)) fire(*timer);
}

template <typename Fire>
bool TimerWheel::advance_by_one(Instant now, Fire&& fire) {
  Timer* const timer = pop_due(now);
  if (timer != nullptr) fire(*timer);
  return timer != nullptr;
}

}  // namespace broker
