// broker/core/topic_trie.h
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "broker/core/level_tree.h"
#include "broker/core/slab.h"
#include "broker/core/subscriber_list.h"
#include "broker/wire/topic.h"

namespace broker {

/// Finds every subscriber with a topic filter that matches a topic name.
///
/// Shape      A LevelTree; the node where a filter ends names its subscriber, or the list of them.
/// Lifetime   A reference given to a visitor dies when it returns. A FilterIndex names the filter
///            until its last subscriber is erased.
/// Threads    None. A trie belongs to one shard.
/// Source     Section 4.7, Topic Names and Topic Filters.
class TopicTrie {
 public:
  /// Levels that a mount point may put in front of a topic.
  static constexpr std::size_t max_mount_levels = mqtt::topic_levels_max;

  enum class Stored : std::uint8_t { fresh, replaced };
  using FilterIndex = LevelTree::NodeIndex;
  struct Insertion {
    FilterIndex filter;
    Stored stored;
  };

  TopicTrie();
  ~TopicTrie();
  TopicTrie(const TopicTrie&) = delete;
  TopicTrie& operator=(const TopicTrie&) = delete;

  /// Stores `subscriber` under `filter`, replacing the one of the same index and kind
  /// [MQTT-3.8.4-3]. Requires a valid filter (text of a TopicFilter, maybe with a mount point).
  Insertion insert(std::string_view filter, const Subscriber& subscriber);

  /// Removes the subscriber of that index and kind, and the nodes that leaves empty.
  /// Returns   Its filter's former index; nothing if there was none (UNSUBACK says 0x11).
  std::optional<FilterIndex> erase(std::string_view filter, const Subscriber& subscriber);
  void erase(FilterIndex filter, const Subscriber& subscriber);

  [[nodiscard]] bool has(std::string_view filter, const Subscriber& subscriber) const {
    const FilterIndex node = tree_.find(filter);
    return node != LevelTree::none && find(node, subscriber) != nullptr;
  }
  /// The filter's text. Requires a live index.
  [[nodiscard]] std::string filter_text(FilterIndex filter) const { return tree_.path(filter); }
  /// The stored subscriber of that index and kind, or null.
  [[nodiscard]] const Subscriber* find(FilterIndex filter, const Subscriber& subscriber) const;

  /// Calls `visit(const Subscriber&)` once for each stored pair with a filter that matches `topic`.
  ///
  /// "a/#" also matches "a" (4.7.1.2). A leading wildcard never matches '$' [MQTT-4.7.2-1].
  /// Overlapping filters of one subscriber are visited one by one.
  /// Requires  `visit` leaves this trie alone.
  /// Order     Unspecified.
  /// Cost      At most min(nodes, 2^L) nodes for a topic of L levels. Allocates nothing.
  template <typename Visit>
  void match(std::string_view topic, Visit&& visit) const;

  /// Nodes of the tree, its root counted: memory follows them.
  [[nodiscard]] std::size_t nodes() const noexcept { return tree_.size(); }
  /// Stored (filter, subscriber) pairs.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  /// The value of a node where a filter ends: the number of its only subscriber, or with this bit
  /// of the list of several. 0: no subscriber.
  static constexpr std::uint32_t several = 1U << 31U;

  template <typename Visit>
  void match_below(LevelTree::NodeIndex node, const std::uint32_t* level, const std::uint32_t* end,
                   Visit& visit) const;
  template <typename Visit>
  void visit_values(LevelTree::NodeIndex node, Visit& visit) const;
  /// Returns   True if it was not there.
  bool store(FilterIndex filter, const Subscriber& subscriber);
  /// Returns   False if it was not there.
  bool remove(FilterIndex filter, const Subscriber& subscriber);

  LevelTree tree_;
  Slab<Subscriber> only_;  // [0] is unused
  Slab<SubscriberList> lists_;
  std::size_t size_ = 0;
};

template <typename Visit>
void TopicTrie::match(std::string_view topic, Visit&& visit) const {
  // A level that no filter names has the number none: only wildcards can match it.
  std::array<std::uint32_t, mqtt::topic_levels_max + max_mount_levels> numbers;
  const std::size_t count = tree_.level_numbers(topic, numbers);
  assert(count > 0);
  const std::uint32_t* const end = numbers.data() + count;
  if (!topic.starts_with('$')) {
    match_below(LevelTree::root, numbers.data(), end, visit);
    return;
  }
  // [MQTT-4.7.2-1]
  const auto first = tree_.child(LevelTree::root, numbers[0]);
  if (first != LevelTree::none) match_below(first, numbers.data() + 1, end, visit);
}

template <typename Visit>
void TopicTrie::match_below(LevelTree::NodeIndex node, const std::uint32_t* level,
                            const std::uint32_t* end, Visit& visit) const {
  // '#' matches the parent level too (4.7.1.2).
  const auto hash = tree_.hash_child(node);
  if (hash != LevelTree::none) visit_values(hash, visit);
  if (level == end) return visit_values(node, visit);
  const auto plus = tree_.plus_child(node);
  const auto literal = tree_.child(node, *level);
  if (literal != LevelTree::none) match_below(literal, level + 1, end, visit);
  if (plus != LevelTree::none) match_below(plus, level + 1, end, visit);
}

template <typename Visit>
void TopicTrie::visit_values(LevelTree::NodeIndex node, Visit& visit) const {
  const std::uint32_t value = tree_.value(node);
  if (value == 0) return;
  if ((value & several) == 0) return static_cast<void>(visit(only_[value]));
  assert(lists_[value & ~several].view().size() > 1);
  for (const Subscriber& subscriber : lists_[value & ~several].view()) visit(subscriber);
}

}  // namespace broker
