// broker/core/topic_trie.h
#pragma once

#include <cstddef>
#include <cstdint>
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
  class Subscribers;

  template <typename Visit>
  void match_below(LevelTree::NodeIndex node, const std::uint32_t* level, const std::uint32_t* end,
                   Visit& visit) const;
  template <typename Visit>
  void visit_values(LevelTree::NodeIndex node, Visit& visit) const;
  [[nodiscard]] std::span<const Subscriber> subscribers(LevelTree::NodeIndex node) const noexcept;

  LevelTree tree_;
  std::vector<Subscribers> lists_;  // by the tree's value; 0 unused
  std::uint32_t free_list_ = 0;
  std::size_t size_ = 0;
};

}  // namespace broker
