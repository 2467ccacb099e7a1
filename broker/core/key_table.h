// broker/core/key_table.h
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace broker {

/// Finds values by the keys that the store gave them, while a broker starts.
///
/// Shape      One run of pairs, sorted by key: one allocation, so that the heap has no gaps when
///            the table goes. The store gives rows in the order of their keys, so adding is
///            appending; the next find() sorts if keys came out of order.
/// Invariant  Each key is added once.
/// Cost       find(): one step where keys have few gaps, else the steps of a binary search.
template <typename Key, typename Value>
class KeyTable {
 public:
  void add(Key key, Value value) {
    sorted_ = sorted_ && (pairs_.empty() || number(pairs_.back().first) < number(key));
    pairs_.emplace_back(key, std::move(value));
  }

  /// The value of a key, or null. Good until the next add().
  [[nodiscard]] Value* find(Key key) {
    if (!sorted_) sort();
    if (pairs_.empty()) return nullptr;
    const std::uint64_t first = number(pairs_.front().first);
    const std::uint64_t last = number(pairs_.back().first);
    const std::uint64_t wanted = number(key);
    if (wanted < first || wanted > last) return nullptr;
    const double part =
        last == first ? 0 : static_cast<double>(wanted - first) / static_cast<double>(last - first);
    const auto guess = static_cast<std::size_t>(part * static_cast<double>(pairs_.size() - 1));
    if (pairs_[guess].first == key) return &pairs_[guess].second;
    const auto found = std::lower_bound(
        pairs_.begin(), pairs_.end(), wanted,
        [](const Pair& pair, std::uint64_t number_of) { return number(pair.first) < number_of; });
    return found->first == key ? &found->second : nullptr;
  }

  [[nodiscard]] std::size_t size() const noexcept { return pairs_.size(); }
  [[nodiscard]] auto begin() const noexcept { return pairs_.begin(); }
  [[nodiscard]] auto end() const noexcept { return pairs_.end(); }

 private:
  using Pair = std::pair<Key, Value>;

  static std::uint64_t number(Key key) noexcept { return static_cast<std::uint64_t>(key); }
  void sort() {
    std::sort(pairs_.begin(), pairs_.end(),
              [](const Pair& a, const Pair& b) { return number(a.first) < number(b.first); });
    sorted_ = true;
  }

  std::vector<Pair> pairs_;
  bool sorted_ = true;
};

}  // namespace broker
