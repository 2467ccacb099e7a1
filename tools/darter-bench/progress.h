#pragma once

#include <cstdint>

#include "tools/darter-bench/clock.h"

namespace bench {

/// Tells when something that should move has stood still for too long.
class Progress {
 public:
  [[nodiscard]] bool stands_still(std::uint64_t value) {
    const Nanoseconds time = now();
    if (value != value_ || moved_at_ == 0) {
      value_ = value;
      moved_at_ = time;
    }
    return time - moved_at_ > patience;
  }

 private:
  static constexpr Nanoseconds patience = 3 * one_second;

  std::uint64_t value_ = 0;
  Nanoseconds moved_at_ = 0;
};

}  // namespace bench
