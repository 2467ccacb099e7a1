// broker/core/histogram.h
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>

namespace broker {

/// Durations, counted by their order of magnitude.
///
/// Shape      Bucket 0 has those of at most 1 µs, bucket i those above 2^(i-1) and at most 2^i µs,
///            the last bucket all longer ones.
/// Units      Microseconds, rounded up by the caller.
/// Cost       add() is a few instructions; nothing is allocated.
/// Threads    None.
struct Histogram {
  /// Up to 2^24 µs, nearly 17 seconds, and one for all longer ones.
  static constexpr std::size_t bucket_count = 26;

  std::array<std::uint64_t, bucket_count> counts{};  // by bucket, not cumulated
  std::uint64_t sum_microseconds = 0;

  void add(std::uint64_t microseconds) noexcept {
    ++counts[bucket_of(microseconds)];
    sum_microseconds += microseconds;
  }
  void add(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < bucket_count; ++i) counts[i] += other.counts[i];
    sum_microseconds += other.sum_microseconds;
  }
  /// Of all durations.
  [[nodiscard]] std::uint64_t count() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t each : counts) sum += each;
    return sum;
  }

  [[nodiscard]] static constexpr std::size_t bucket_of(std::uint64_t microseconds) noexcept {
    if (microseconds <= 1) return 0;
    return std::min<std::size_t>(static_cast<std::size_t>(std::bit_width(microseconds - 1)),
                                 bucket_count - 1);
  }
  /// The longest duration of a bucket. Requires that it is not the last one, which has no end.
  [[nodiscard]] static constexpr std::uint64_t end_of(std::size_t bucket) noexcept {
    assert(bucket + 1 < bucket_count);
    return std::uint64_t{1} << bucket;
  }

  bool operator==(const Histogram&) const = default;
};

}  // namespace broker
