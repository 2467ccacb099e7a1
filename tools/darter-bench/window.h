#pragma once

#include <algorithm>
#include <bit>
#include <cassert>
#include <cstdint>
#include <vector>

namespace bench {

/// How many messages a publisher may have under way, and which they are.
///
/// A message is under way until every receiver has it. The window is refilled in batches of half
/// its size, so that a fast broker sees the same batches as a slow one.
///
/// Shape      A ring of counters: copies that are still to arrive, by sequence number.
class Window {
 public:
  Window(std::uint32_t size, std::uint32_t receivers)
      : size_(std::max(size, 1U)), receivers_(receivers), copies_due_(std::bit_ceil(size_)) {}

  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t batch() const noexcept { return std::max(size_ / 2, 1U); }
  [[nodiscard]] std::uint32_t under_way() const noexcept { return next_ - oldest_; }
  [[nodiscard]] bool is_full() const noexcept { return under_way() >= size_; }
  [[nodiscard]] bool wants_batch() const noexcept { return size_ - under_way() >= batch(); }
  /// Sequence numbers given out so far.
  [[nodiscard]] std::uint32_t sent() const noexcept { return next_; }

  /// Takes the next sequence number. Requires that the window is not full.
  [[nodiscard]] std::uint32_t publish() noexcept {
    assert(!is_full());
    due(next_) = receivers_;
    return next_++;
  }
  /// One receiver has this message. Requires that it is under way, or was.
  void arrived(std::uint32_t sequence) noexcept {
    if (due(sequence) > 0) --due(sequence);
    while (oldest_ != next_ && due(oldest_) == 0) ++oldest_;
  }

 private:
  [[nodiscard]] std::uint32_t& due(std::uint32_t sequence) noexcept {
    return copies_due_[sequence & (copies_due_.size() - 1)];
  }

  std::uint32_t size_;
  std::uint32_t receivers_;
  std::uint32_t oldest_ = 0;  // the first that is under way
  std::uint32_t next_ = 0;
  std::vector<std::uint32_t> copies_due_;
};

}  // namespace bench
