#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace bench {

/// How often which value was seen, for percentiles.
///
/// Shape      Values below 128 are counted one by one; above, each power of two is cut into 64
///            equal parts, so a percentile is wrong by 1/64 of its value at most.
/// Cost       add() is constant and allocates nothing.
class Histogram {
 public:
  Histogram() : counts_(slots) {}

  void add(std::uint64_t value) noexcept {
    ++counts_[slot_of(value)];
    ++size_;
    if (value > largest_) largest_ = value;
  }

  /// The smallest value that `share` (0 to 1) of all values do not exceed; 0 if there is none.
  [[nodiscard]] std::uint64_t percentile(double share) const noexcept;
  [[nodiscard]] std::uint64_t largest() const noexcept { return largest_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

 private:
  static constexpr unsigned parts_bits = 6;
  static constexpr std::size_t slots = std::size_t{64 - parts_bits + 1} << parts_bits;

  [[nodiscard]] static std::size_t slot_of(std::uint64_t value) noexcept;
  [[nodiscard]] static std::uint64_t largest_in(std::size_t slot) noexcept;

  std::vector<std::uint64_t> counts_;
  std::uint64_t size_ = 0;
  std::uint64_t largest_ = 0;
};

}  // namespace bench
