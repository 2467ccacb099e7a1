// broker/core/filter_list.h
#pragma once

#include <algorithm>
#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <utility>

#include "broker/core/hash_index.h"
#include "broker/core/topic_trie.h"

namespace broker {

/// The filters that a session subscribes to.
///
/// Shape      The first two stay in the object: most sessions have no more, and need no memory
///            beside it. From the third on all are in one array, which doubles when it is full.
///            Once they are many, an index says where each stands.
/// Order      None that anybody may rely on.
/// Cost       Everything takes constant time, however many there are.
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
    if (index_) {
      index_->insert(hash_of(filter), size_);
    } else if (size_ > unindexed_max) {
      build_index();
    }
  }
  /// Takes one out; the last one takes its place. Requires that it is there.
  void remove(Filter filter) noexcept {
    const std::span<Filter> all(data(), size_);
    if (!index_) {
      const auto found = std::ranges::find(all, filter);
      assert(found != all.end());
      *found = all.back();
      --size_;
      return;
    }
    const std::uint32_t number = index_->find(
        hash_of(filter), [&](std::uint32_t place) { return all[place - 1] == filter; });
    assert(number != 0);
    index_->erase(hash_of(filter), number);
    if (number != size_) index_->replace(hash_of(all.back()), size_, number);
    all[number - 1] = all.back();
    --size_;
    shrink();
  }
  /// Takes the last one out. Requires that there is one.
  Filter take_last() {
    assert(!empty());
    const Filter last = view().back();
    remove(last);
    return last;
  }
  void clear() noexcept {
    many_.reset();
    index_.reset();
    size_ = 0;
    capacity_ = near_max;
  }

 private:
  static constexpr std::uint32_t near_max = 2;
  static constexpr std::uint32_t unindexed_max = 64;

  [[nodiscard]] static std::uint32_t hash_of(Filter filter) noexcept {
    return static_cast<std::uint32_t>(filter * 0x9E3779B97F4A7C15U >> 32U);
  }

  [[nodiscard]] const Filter* data() const noexcept { return many_ ? many_.get() : near_.data(); }
  [[nodiscard]] Filter* data() noexcept { return many_ ? many_.get() : near_.data(); }
  void grow() { resize(capacity_ * 2); }
  void shrink() {
    if (size_ * 4 < capacity_) resize(capacity_ / 2);
    if (size_ < unindexed_max / 2) index_.reset();
  }
  void resize(std::uint32_t capacity) {
    auto other = std::make_unique<Filter[]>(capacity);
    std::ranges::copy(view(), other.get());
    many_ = std::move(other);
    capacity_ = capacity;
  }
  void build_index() {
    index_ = std::make_unique<HashIndex>();
    std::uint32_t number = 0;
    for (const Filter filter : view()) index_->insert(hash_of(filter), ++number);
  }

  std::unique_ptr<Filter[]> many_;    // null: they are near
  std::unique_ptr<HashIndex> index_;  // of 1 + place; null: they are few
  std::array<Filter, near_max> near_{};
  std::uint32_t size_ = 0;
  std::uint32_t capacity_ = near_max;
};

}  // namespace broker
