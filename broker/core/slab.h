// broker/core/slab.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace broker {

/// Things of one type, known by small numbers.
///
/// Shape      Blocks of 512, so that growing copies nothing and leaves little unused.
/// Lifetime   Nothing moves. A number is good until it is given back; then it is used again.
/// Threads    None.
template <typename T>
class Slab {
 public:
  using Number = std::uint32_t;

  /// The number of a thing that is as T's default constructor leaves it.
  Number take() {
    if (free_.empty()) return grow();
    const Number number = free_.back();
    free_.pop_back();
    return number;
  }
  void give_back(Number number) {
    (*this)[number] = T{};
    free_.push_back(number);
  }

  [[nodiscard]] T& operator[](Number number) noexcept {
    return blocks_[number / block_size][number % block_size];
  }
  [[nodiscard]] const T& operator[](Number number) const noexcept {
    return blocks_[number / block_size][number % block_size];
  }
  /// One more than the highest number ever taken.
  [[nodiscard]] Number end() const noexcept { return end_; }
  /// Numbers that are taken now.
  [[nodiscard]] std::size_t size() const noexcept { return end_ - free_.size(); }

 private:
  static constexpr std::size_t block_size = 512;

  Number grow() {
    if (end_ % block_size == 0) blocks_.push_back(std::make_unique<T[]>(block_size));
    return end_++;
  }

  std::vector<std::unique_ptr<T[]>> blocks_;
  std::vector<Number> free_;
  Number end_ = 0;
};

}  // namespace broker
