// broker/core/slab.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

namespace broker {

/// Things of one type, known by small numbers.
///
/// Shape      Blocks of 512, so that growing copies nothing and leaves little unused. A block of
///            which nothing is taken is freed, all but one.
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
    Block& block = blocks_[number / block_size];
    if (!block.things) block.things = make();
    ++block.taken;
    return number;
  }
  void give_back(Number number) {
    assert(number < end_ && blocks_[number / block_size].taken > 0);
    (*this)[number] = T{};
    free_.push_back(number);
    Block& block = blocks_[number / block_size];
    if (--block.taken == 0) spare_ = std::move(block.things);
  }

  [[nodiscard]] T& operator[](Number number) noexcept {
    assert(number < end_ && blocks_[number / block_size].things);
    return blocks_[number / block_size].things[number % block_size];
  }
  [[nodiscard]] const T& operator[](Number number) const noexcept {
    assert(number < end_ && blocks_[number / block_size].things);
    return blocks_[number / block_size].things[number % block_size];
  }
  /// Calls `visit(T&)` for each that is taken, and may do so for others.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (Number number = 0; number < end_; ++number) {
      if (blocks_[number / block_size].things) visit((*this)[number]);
    }
  }
  /// Numbers that are taken now.
  [[nodiscard]] std::size_t size() const noexcept { return end_ - free_.size(); }
  /// Places that memory is held for.
  [[nodiscard]] std::size_t places() const noexcept {
    std::size_t blocks = spare_ ? 1 : 0;
    for (const Block& block : blocks_) blocks += block.things ? 1U : 0U;
    return blocks * block_size;
  }

 private:
  static constexpr std::size_t block_size = 512;

  using Things = std::unique_ptr<T[]>;
  struct Block {
    Things things;  // null: nothing is taken
    std::size_t taken = 0;
  };

  Things make() {
    if (spare_) return std::move(spare_);
    return std::make_unique<T[]>(block_size);
  }
  Number grow() {
    if (end_ % block_size == 0) blocks_.push_back({make(), 0});
    Block& block = blocks_[end_ / block_size];
    if (!block.things) block.things = make();
    ++block.taken;
    return end_++;
  }

  std::vector<Block> blocks_;
  Things spare_;  // the last block that became free: as T's default constructor leaves it
  std::vector<Number> free_;
  Number end_ = 0;
};

}  // namespace broker
