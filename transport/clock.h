// transport/clock.h
#pragma once

#include <algorithm>
#include <cstdint>
#include <ctime>

namespace transport {

/// The two clocks that cannot be set: both count from the start of the machine, and the monotonic
/// one stands still while the machine sleeps.
struct Clock {
  [[nodiscard]] static std::int64_t monotonic_milliseconds() noexcept {
    return read(CLOCK_MONOTONIC);
  }
  [[nodiscard]] static std::int64_t monotonic_microseconds() noexcept {
    timespec time{};
    ::clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * std::int64_t{1'000'000} + time.tv_nsec / 1000;
  }
  [[nodiscard]] static std::int64_t boot_milliseconds() noexcept { return read(CLOCK_BOOTTIME); }

 private:
  static std::int64_t read(clockid_t clock) noexcept {
    timespec time{};
    ::clock_gettime(clock, &time);
    constexpr std::int64_t second = 1000;
    constexpr std::int64_t millisecond = 1'000'000;
    return time.tv_sec * second + time.tv_nsec / millisecond;
  }
};

/// The time that the machine has slept, which libuv's clock does not count.
///
/// Invariant  Never less than before. Together with a later monotonic time it is not before
///            Clock::boot_milliseconds(), and at most two milliseconds ahead of it.
class SleepClock {
 public:
  SleepClock() noexcept { look(); }
  /// To be called now and then.
  void look() noexcept {
    // The clocks are read one after the other: a difference of less than a second is no sleep.
    constexpr std::int64_t shortest_milliseconds = 1000;
    const std::int64_t slept =
        Clock::boot_milliseconds() - Clock::monotonic_milliseconds() + rounding_milliseconds;
    if (slept - milliseconds_ >= shortest_milliseconds || milliseconds_ == 0) milliseconds_ = slept;
  }
  [[nodiscard]] std::int64_t milliseconds() const noexcept { return milliseconds_; }
  /// Together with this monotonic time it is not before `boot_milliseconds`.
  void catch_up(std::int64_t monotonic_milliseconds, std::int64_t boot_milliseconds) noexcept {
    milliseconds_ = std::max(milliseconds_, boot_milliseconds - monotonic_milliseconds);
  }

 private:
  static constexpr std::int64_t rounding_milliseconds = 1;  // both clocks are cut to milliseconds
  std::int64_t milliseconds_ = 0;
};

}  // namespace transport
