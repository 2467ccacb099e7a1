// broker/core/topic_trie.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/level_tree.h"
#include "broker/wire/protocol.h"
#include "broker/wire/subscribe.h"
#include "broker/wire/topic.h"

namespace broker {

/// Who gets what matches a filter: a session of this shard, or a shared-subscription group whose
/// home this shard is.
struct Subscriber {
  enum class Kind : std::uint8_t { session, group };

  std::uint32_t index = 0;                    // SessionIndex or group number
  std::uint32_t subscription_identifier = 0;  // 0: none
  Kind kind = Kind::session;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;

  [[nodiscard]] bool same_as(const Subscriber& other) const noexcept {
    return index == other.index && kind == other.kind;
  }
};

/// Finds every subscriber whose topic filter matches a topic name.
///
/// Shape      A LevelTree; the subscribers of a filter sit on the node where it ends.
/// Lifetime   A reference given to a visitor dies when it returns. A FilterIndex names the filter
///            until its last subscriber is erased.
/// Threads    None. A trie belongs to one shard.
/// Source     Section 4.7, Topic Names and Topic Filters.
class TopicTrie {
 public:
  /// Levels that a mount point may put in front of a topic.
  static constexpr std::size_t max_mount_levels = 200;

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

  /// The filter's text. Requires a live index.
  [[nodiscard]] std::string filter_text(FilterIndex filter) const { return tree_.path(filter); }
  /// The stored subscriber of that index and kind, or null.
  [[nodiscard]] const Subscriber* find(FilterIndex filter, const Subscriber& subscriber) const;

  /// Calls `visit(const Subscriber&)` once for each stored pair whose filter matches `topic`.
  ///
  /// "a/#" also matches "a" (4.7.1.2). A leading wildcard never matches '$' [MQTT-4.7.2-1].
  /// Overlapping filters of one subscriber are visited one by one.
  /// Requires  `visit` leaves this trie alone.
  /// Order     Unspecified.
  /// Cost      At most min(nodes, 2^L) nodes for a topic of L levels. Allocates nothing.
  template <typename Visit>
  void match(std::string_view topic, Visit&& visit) const;

  /// Stored (filter, subscriber) pairs.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  /// The subscribers of one filter: one inline, which is what most have; more on the heap.
  struct Subscribers {
    Subscriber one;
    std::unique_ptr<std::vector<Subscriber>> many;  // all of them, if there are several
    std::uint32_t next_free = 0;

    [[nodiscard]] std::span<const Subscriber> view() const noexcept {
      if (many) return *many;
      return {&one, 1};
    }
  };

  template <typename Visit>
  void match_below(LevelTree::NodeIndex node, std::span<const std::uint32_t> levels, bool hidden,
                   Visit& visit) const;
  template <typename Visit>
  void visit_values(LevelTree::NodeIndex node, Visit& visit) const;
  [[nodiscard]] Subscriber* lookup(FilterIndex filter, const Subscriber& subscriber);

  LevelTree tree_;
  std::vector<Subscribers> lists_;  // by the tree's value; [0] is unused
  std::uint32_t free_list_ = 0;
  std::size_t size_ = 0;
};

template <typename Visit>
void TopicTrie::match(std::string_view topic, Visit&& visit) const {
  // A level that no filter names has the number none: only wildcards can match it.
  std::array<std::uint32_t, mqtt::topic_levels_max + max_mount_levels> numbers;
  std::size_t count = 0;
  for (mqtt::LevelCursor cursor(topic); cursor.next() && count < numbers.size();) {
    numbers[count++] = tree_.level_number(cursor.level());
  }
  match_below(LevelTree::root, std::span(numbers).first(count), topic.starts_with('$'), visit);
}

template <typename Visit>
void TopicTrie::match_below(LevelTree::NodeIndex node, std::span<const std::uint32_t> levels,
                            bool hidden, Visit& visit) const {
  if (!hidden) {
    // '#' matches the parent level too (4.7.1.2).
    const auto hash = tree_.hash_child(node);
    if (hash != LevelTree::none) visit_values(hash, visit);
  }
  if (levels.empty()) return visit_values(node, visit);
  const auto rest = levels.subspan(1);
  const auto literal = tree_.child(node, levels.front());
  if (literal != LevelTree::none) match_below(literal, rest, false, visit);
  if (hidden) return;  // [MQTT-4.7.2-1]
  const auto plus = tree_.plus_child(node);
  if (plus != LevelTree::none) match_below(plus, rest, false, visit);
}

template <typename Visit>
void TopicTrie::visit_values(LevelTree::NodeIndex node, Visit& visit) const {
  const std::uint32_t list = tree_.value(node);
  if (list == 0) return;
  for (const Subscriber& subscriber : lists_[list].view()) visit(subscriber);
}

}  // namespace broker
