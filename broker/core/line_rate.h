// broker/core/line_rate.h
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "broker/core/ids.h"

namespace broker {

/// Lets so many log lines a second through, and counts those that it holds back.
///
/// Threads    None.
class LineRate {
 public:
  explicit LineRate(std::uint32_t lines_per_second = 1) noexcept : lines_max_(lines_per_second) {}

  /// A line is to be written. Returns how many were held back before it; nothing: hold this one
  /// back too.
  [[nodiscard]] std::optional<std::uint64_t> admit(Instant now) noexcept {
    if (now >= next_) {
      next_ = after_seconds(now, 1);
      lines_ = 0;
    }
    if (lines_ == lines_max_) {
      ++held_back_;
      return std::nullopt;
    }
    ++lines_;
    return std::exchange(held_back_, 0);
  }
  /// How many were held back, if it is time to say so without another line; else 0.
  [[nodiscard]] std::uint64_t overdue(Instant now) noexcept {
    if (held_back_ == 0 || now < next_) return 0;
    next_ = after_seconds(now, 1);
    lines_ = lines_max_;
    return std::exchange(held_back_, 0);
  }

 private:
  Instant next_;  // when the second is over
  std::uint32_t lines_max_;
  std::uint32_t lines_ = 0;  // in this second
  std::uint64_t held_back_ = 0;
};

}  // namespace broker
