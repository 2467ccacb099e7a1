#include "broker/client/backoff.h"

#include <algorithm>

namespace client {

std::int64_t Backoff::next_delay() noexcept {
  if (longest_ <= first_) return first_;
  // Three times the last wait cannot overflow: it is at most the longest one.
  const std::int64_t end = std::min(longest_, last_ > longest_ / 3 ? longest_ : last_ * 3);
  const auto width = static_cast<std::uint64_t>(end - first_) + 1;
  last_ = first_ + static_cast<std::int64_t>(random() % width);
  return last_;
}

/// SplitMix64: the mixed bits of a counter.
std::uint64_t Backoff::random() noexcept {
  random_ += 0x9E3779B97F4A7C15U;
  std::uint64_t mixed = random_;
  mixed = (mixed ^ (mixed >> 30U)) * 0xBF58476D1CE4E5B9U;
  mixed = (mixed ^ (mixed >> 27U)) * 0x94D049BB133111EBU;
  return mixed ^ (mixed >> 31U);
}

}  // namespace client
