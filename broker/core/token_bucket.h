// broker/core/token_bucket.h
#pragma once

#include <algorithm>
#include <cassert>
#include <cstdint>

#include "broker/core/ids.h"

namespace broker {

/// Bounds how often something happens: so much a second for long, and a burst at once.
///
/// Shape      Counts the spent tokens that have not come back, so that a fresh bucket is full at
///            any size. Rate and size are given at each use, and may change in between.
/// Units      Thousandths of a token: a millisecond brings back a whole number of them.
/// Threads    None.
class TokenBucket {
 public:
  struct Size {
    std::uint64_t per_second = 0;  // at least 1
    std::uint64_t burst = 0;       // at least 1
  };

  /// Whether `cost` may be spent now. A cost above the burst may be spent from a full bucket: else
  /// it could never happen.
  [[nodiscard]] bool has_room(std::uint64_t cost, const Size& size, Instant now) noexcept {
    refill(size, now);
    return spent_ + thousandths(std::min(cost, size.burst)) <= thousandths(size.burst);
  }
  /// Spends, even without room: then the bucket has to refill first.
  /// Requires  has_room() or refill() at the same instant: a bucket knows no other time.
  void spend(std::uint64_t cost) noexcept { spent_ += thousandths(cost); }
  [[nodiscard]] bool take(std::uint64_t cost, const Size& size, Instant now) noexcept {
    const bool room = has_room(cost, size, now);
    if (room) spend(cost);
    return room;
  }
  /// How long it takes, from the last has_room() or refill() on, until there is room for one token.
  [[nodiscard]] std::int64_t milliseconds_until_room(const Size& size) const noexcept {
    assert(size.per_second > 0);
    const std::int64_t owed = spent_ + thousandths(1) - thousandths(size.burst);
    const auto rate = static_cast<std::int64_t>(size.per_second);
    return owed <= 0 ? 0 : (owed + rate - 1) / rate;
  }
  void refill(const Size& size, Instant now) noexcept {
    assert(size.per_second > 0 && size.burst > 0);
    const std::int64_t passed = std::max<std::int64_t>(0, now.milliseconds - updated_.milliseconds);
    const auto rate = static_cast<std::int64_t>(size.per_second);
    spent_ = passed > spent_ / rate ? 0 : spent_ - passed * rate;
    updated_ = std::max(updated_, now);
  }

 private:
  static constexpr std::int64_t thousandths(std::uint64_t tokens) noexcept {
    return static_cast<std::int64_t>(tokens) * 1000;
  }

  std::int64_t spent_ = 0;
  Instant updated_;
};

}  // namespace broker
