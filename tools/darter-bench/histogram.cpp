#include "tools/darter-bench/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace bench {

std::size_t Histogram::slot_of(std::uint64_t value) noexcept {
  const auto bits = static_cast<unsigned>(std::bit_width(value));
  if (bits <= parts_bits + 1) return value;
  // The highest bit says which power of two; the next six which part of it.
  const unsigned shift = bits - parts_bits - 1;
  return (std::size_t{shift} << parts_bits) + (value >> shift);
}

std::uint64_t Histogram::largest_in(std::size_t slot) noexcept {
  if (slot < std::size_t{2} << parts_bits) return slot;
  const unsigned shift = static_cast<unsigned>(slot >> parts_bits) - 1;
  const std::uint64_t part = slot - (std::size_t{shift} << parts_bits);
  return ((part + 1) << shift) - 1;
}

std::uint64_t Histogram::percentile(double share) const noexcept {
  const double wanted = std::max(1.0, std::ceil(share * static_cast<double>(size_)));
  std::uint64_t seen = 0;
  for (std::size_t slot = 0; slot < counts_.size(); ++slot) {
    seen += counts_[slot];
    if (static_cast<double>(seen) >= wanted) return std::min(largest_in(slot), largest_);
  }
  return largest_;
}

}  // namespace bench
