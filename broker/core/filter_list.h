// broker/core/filter_list.h
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "broker/core/topic_trie.h"

namespace broker {

/// The filters that a session subscribes to.
///
/// Shape      The first two stay in the object: most sessions have no more, and need no memory
///            beside it. From the third on all are in one array, which doubles when it is full.
/// Order      None that anybody may rely on.
/// Threads    None.
class FilterList {
 public:
  using Filter = TopicTrie::FilterIndex;

  [[nodiscard]] bool empty() const noexcept { return size_ == 0; }
  [[nodiscard]] std::span<const Filter> view() const noexcept { return {data(), size_}; }

  void add(Filter filter) {
    if (size_ == capacity_) grow();
    const std::span<Filter> all(data(), capacity_);
    all[size_++] = filter;
  }
  /// Takes one out; the last one takes its place. Requires that it is there.
  void remove(Filter filter) noexcept {
    const std::span<Filter> all(data(), size_);
    *std::ranges::find(all, filter) = all.back();
    --size_;
  }
  void clear() noexcept {
    many_.reset();
    size_ = 0;
    capacity_ = near_max;
  }

 private:
  static constexpr std::uint32_t near_max = 2;

  [[nodiscard]] const Filter* data() const noexcept { return many_ ? many_.get() : near_.data(); }
  [[nodiscard]] Filter* data() noexcept { return many_ ? many_.get() : near_.data(); }
  void grow() {
    auto more = std::make_unique<Filter[]>(std::size_t{2} * capacity_);
    std::ranges::copy(view(), more.get());
    many_ = std::move(more);
    capacity_ *= 2;
  }

  std::unique_ptr<Filter[]> many_;  // null: they are near
  std::array<Filter, near_max> near_{};
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = near_max;
};

}  // namespace broker
