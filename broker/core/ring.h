// broker/core/ring.h
#pragma once

#include <cassert>
#include <cstddef>
#include <utility>
#include <vector>

namespace broker {

/// A queue in one array that grows by doubling; an empty one that was never used owns nothing.
///
/// Shape      Elements begin at head_ and wrap around; [0] is the oldest.
/// Cost       push_back and pop_front move one element; std::deque would hold 600 bytes when empty.
template <typename T>
class Ring {
 public:
  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] T& operator[](std::size_t index) noexcept {
    assert(index < size_);
    return slots_[at(index)];
  }
  [[nodiscard]] const T& operator[](std::size_t index) const noexcept {
    assert(index < size_);
    return slots_[at(index)];
  }
  [[nodiscard]] T& front() noexcept {
    assert(size_ > 0);
    return slots_[head_];
  }

  T& push_back(T value) {
    T& place = push_empty();
    place = std::move(value);
    return place;
  }
  /// Appends T{}, to be filled in where it is.
  T& push_empty() {
    if (size_ == slots_.size()) grow();
    return slots_[at(size_++)];
  }
  /// Requires  The front is as T{}.
  void drop_empty_front() noexcept {
    assert(size_ > 0);
    head_ = at(1);
    --size_;
  }
  T pop_front() {
    assert(size_ > 0);
    T value = std::exchange(slots_[head_], T{});
    head_ = at(1);
    --size_;
    return value;
  }
  /// Drops everything and gives the memory back.
  void reset() { *this = Ring{}; }

 private:
  [[nodiscard]] std::size_t at(std::size_t index) const noexcept {
    return (head_ + index) & (slots_.size() - 1);
  }
  void grow() {
    std::vector<T> larger(slots_.empty() ? 4 : slots_.size() * 2);
    for (std::size_t i = 0; i < size_; ++i) larger[i] = std::move(slots_[at(i)]);
    slots_ = std::move(larger);
    head_ = 0;
  }

  std::vector<T> slots_;  // a power of two
  std::size_t head_ = 0;
  std::size_t size_ = 0;
};

}  // namespace broker
