#pragma once

#include <cstdint>
#include <ctime>

namespace bench {

/// A time, or the time between two.
using Nanoseconds = std::int64_t;
inline constexpr Nanoseconds one_second = 1'000'000'000;

/// The monotonic clock.
[[nodiscard]] inline Nanoseconds now() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * one_second + time.tv_nsec;
}
[[nodiscard]] constexpr double in_seconds(Nanoseconds time) noexcept {
  return static_cast<double>(time) / static_cast<double>(one_second);
}
/// Converts the unit of a histogram.
[[nodiscard]] constexpr double in_microseconds(std::uint64_t nanoseconds) noexcept {
  return static_cast<double>(nanoseconds) / 1000.0;
}
[[nodiscard]] constexpr Nanoseconds from_seconds(double seconds) noexcept {
  return static_cast<Nanoseconds>(seconds * static_cast<double>(one_second));
}

}  // namespace bench
