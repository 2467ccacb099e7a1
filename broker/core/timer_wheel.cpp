#include "broker/core/timer_wheel.h"

#include <algorithm>
#include <cassert>

namespace broker {
namespace {

constexpr unsigned slot_bits = 7;   // 128 ms
constexpr unsigned level_bits = 6;  // 64 slots

std::int64_t slot_number(std::int64_t milliseconds, std::size_t level) {
  return milliseconds >> (slot_bits + level_bits * static_cast<unsigned>(level));
}

}  // namespace

void Timer::cancel() noexcept {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  next_ = previous_ = nullptr;
}

TimerWheel::TimerWheel(Instant start) : now_(start) {
  static_assert(slots == std::size_t{1} << level_bits);
  const auto close = [](Timer& head) { head.next_ = head.previous_ = &head; };
  for (auto& level : wheel_) std::ranges::for_each(level, close);
  close(due_);
}

TimerWheel::~TimerWheel() {
  const auto empty = [](Timer& head) {
    while (head.next_ != &head) head.next_->cancel();
    head.next_ = head.previous_ = nullptr;
  };
  for (auto& level : wheel_) std::ranges::for_each(level, empty);
  empty(due_);
}

void TimerWheel::link(Timer& head, Timer& timer) noexcept {
  assert(!timer.armed());  // it is in one list at a time
  timer.previous_ = head.previous_;
  timer.next_ = &head;
  head.previous_->next_ = &timer;
  head.previous_ = &timer;
}

void TimerWheel::arm(Timer& timer, Instant deadline) noexcept {
  timer.cancel();
  timer.deadline_ = deadline;
  place(timer);
}

void TimerWheel::place(Timer& timer) noexcept {
  // A slot is looked at when its time is over: a timer that is due within the current one waits
  // for the next.
  const std::int64_t due = std::max(timer.deadline_.milliseconds, now_.milliseconds);
  for (std::size_t level = 0; level < levels; ++level) {
    const std::int64_t distance = slot_number(due, level) - slot_number(now_.milliseconds, level);
    if (distance < static_cast<std::int64_t>(slots)) {
      return link(wheel_[level][static_cast<std::size_t>(slot_number(due, level)) % slots], timer);
    }
  }
  // Beyond the wheel: as far away as it goes, and placed again from there.
  const std::size_t last = levels - 1;
  const auto farthest =
      static_cast<std::size_t>(slot_number(now_.milliseconds, last) + std::int64_t{slots} - 1);
  link(wheel_[last][farthest % slots], timer);
}

void TimerWheel::take_slot(Timer& head) noexcept {
  while (head.next_ != &head) {
    Timer& timer = *head.next_;
    timer.cancel();
    link(due_, timer);
  }
}

void TimerWheel::pass(Instant now) noexcept {
  assert(now >= now_);
  const Instant before = now_;
  now_ = now;
  for (std::size_t level = 0; level < levels; ++level) {
    const std::int64_t from = slot_number(before.milliseconds, level);
    const std::int64_t to = slot_number(now.milliseconds, level);
    // Level 0 also looks again at the slot it stands in: part of it may be due by now.
    const std::int64_t first = level == 0 ? from : from + 1;
    const std::int64_t last = std::min(to, first + static_cast<std::int64_t>(slots) - 1);
    for (std::int64_t slot = first; slot <= last; ++slot) {
      take_slot(wheel_[level][static_cast<std::size_t>(slot) % slots]);
    }
    if (level > 0 && from == to) return;
  }
}

Timer* TimerWheel::pop_due(Instant now) noexcept {
  if (!started_) {
    // Timers that were armed before the first look at the clock are placed by it.
    for (auto& level : wheel_) {
      for (Timer& head : level) take_slot(head);
    }
    now_ = looked_ = now;
    started_ = true;
  }
  if (now > looked_) {
    pass(now);
    looked_ = now;
  }
  while (due_.next_ != &due_) {
    Timer& timer = *due_.next_;
    timer.cancel();
    if (timer.deadline_ <= now) return &timer;
    place(timer);
  }
  return nullptr;
}

}  // namespace broker
