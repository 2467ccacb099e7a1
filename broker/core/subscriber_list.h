// broker/core/subscriber_list.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "broker/core/hash_index.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A receiver of the messages that match a filter: a session of this shard, a group of a shared
/// subscription at home on this shard, or a link of this shard.
struct Subscriber {
  enum class Kind : std::uint8_t { session, group, link };

  std::uint32_t index = 0;                    // SessionIndex, group number, or PeerId
  std::uint32_t subscription_identifier = 0;  // 0: none
  Kind kind = Kind::session;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool no_local = false;
  bool retain_as_published = false;

  [[nodiscard]] bool same_as(const Subscriber& other) const noexcept {
    return index == other.index && kind == other.kind;
  }
};
static_assert(sizeof(Subscriber) == 12);

/// The subscribers of one filter, where they are several.
///
/// Shape      An array without order, and an index into it once it is long.
/// Cost       Everything takes constant time, however many there are.
/// Threads    None.
class SubscriberList {
 public:
  [[nodiscard]] std::span<const Subscriber> view() const noexcept { return items_; }
  /// The subscriber of that index and kind, or null.
  [[nodiscard]] const Subscriber* find(const Subscriber& subscriber) const noexcept;
  /// Stores `subscriber`, in the place of the one of the same index and kind if there is one.
  /// Returns   True if there was none.
  bool insert(const Subscriber& subscriber);
  /// Takes out the one of that index and kind.
  /// Returns   False if there was none.
  bool erase(const Subscriber& subscriber);

 private:
  static constexpr std::size_t unindexed_max = 16;

  [[nodiscard]] std::size_t place_of(const Subscriber& subscriber) const noexcept;
  void build_index();

  std::vector<Subscriber> items_;
  HashIndex index_;  // 1 + place in items_; empty while short
};

}  // namespace broker
