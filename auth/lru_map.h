#pragma once

#include <cassert>
#include <cstddef>
#include <functional>
#include <list>
#include <unordered_map>
#include <utility>

namespace auth {

/// A map of bounded size: a new entry evicts the least recently used one.
///
/// Shape      A list in the order of use, the latest in front, and an index into it.
/// Invariant  size() <= the bound given to the constructor. A bound of 0 keeps nothing.
/// Lifetime   Owns keys and values. A pointer from find() holds until the next put() or erase().
/// Threads    None: its owner guards it.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class LruMap {
 public:
  explicit LruMap(std::size_t entries_max) : entries_max_(entries_max) {}

  /// Returns   The value of `key`, which is now the latest used; null if there is none.
  [[nodiscard]] Value* find(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    return &found->second->second;
  }

  /// Stores `value`, in the place of an older one of `key` if there is one.
  void put(const Key& key, Value value) {
    if (Value* old = find(key)) {
      *old = std::move(value);
      return;
    }
    entries_.emplace_front(key, std::move(value));
    index_[key] = entries_.begin();
    if (entries_.size() > entries_max_) erase(Key(entries_.back().first));
    assert(entries_.size() <= entries_max_ && index_.size() == entries_.size());
  }

  void erase(const Key& key) {
    const auto found = index_.find(key);
    if (found == index_.end()) return;
    entries_.erase(found->second);
    index_.erase(found);
  }

  void clear() {
    index_.clear();
    entries_.clear();
  }

  [[nodiscard]] std::size_t size() const noexcept { return entries_.size(); }

 private:
  using Entries = std::list<std::pair<Key, Value>>;

  std::size_t entries_max_;
  Entries entries_;
  std::unordered_map<Key, typename Entries::iterator, Hash> index_;
};

}  // namespace auth
