// broker/core/incoming_ids.h
#pragma once

#include <algorithm>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "broker/core/hash_index.h"
#include "broker/wire/protocol.h"

namespace broker {

/// The QoS 2 identifiers that a client has used and not released (section 4.3.3).
///
/// Shape      An array without order, and an index into it once it is long. An identifier of which
///            the journal has a row is marked; one that is gone and still has a row is in a list of
///            its own.
/// Invariant  At most 65,535: so many identifiers there are.
/// Cost       Everything takes constant time for each identifier, but for removal below 32 of them.
/// Threads    None.
class IncomingIds {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] bool contains(mqtt::PacketId id) const noexcept {
    return place_of(id) != items_.size();
  }
  /// Adds one that is not there. `noted`: the journal is to get it.
  void add(mqtt::PacketId id, bool noted) {
    assert(id != mqtt::PacketId{0} && !contains(id));
    items_.push_back({id, false});
    index_last();
    if (noted) added_.push_back(id);
  }
  /// Puts one back that the journal has, unless it is there.
  void restore(mqtt::PacketId id) {
    if (contains(id)) return;
    items_.push_back({id, true});
    index_last();
  }
  /// Returns   False if it was not there.
  bool remove(mqtt::PacketId id);

  /// Calls `visit(mqtt::PacketId)` for each, in no order.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const Item& item : items_) visit(item.id);
  }

  /// Forgets that the journal was given anything.
  void unstore() {
    gone_.clear();
    added_.clear();
    for (Item& item : items_) {
      item.stored = false;
      added_.push_back(item.id);
    }
  }
  /// Calls `visit(mqtt::PacketId, bool present)` for each identifier with a row in the journal that
  /// has to change, and counts that as done. One that came and went in between has no row.
  template <typename Visit>
  void store(Visit&& visit);

 private:
  struct Item {
    mqtt::PacketId id;
    bool stored;
  };
  static constexpr std::size_t unindexed_max = 32;

  [[nodiscard]] static std::uint32_t hash_of(mqtt::PacketId id) noexcept {
    return static_cast<std::uint32_t>(id) * 0x9E3779B1U;
  }
  [[nodiscard]] std::size_t place_of(mqtt::PacketId id) const noexcept {
    if (index_.size() == 0) {
      return static_cast<std::size_t>(std::ranges::find(items_, id, &Item::id) - items_.begin());
    }
    const std::uint32_t number =
        index_.find(hash_of(id), [&](std::uint32_t place) { return items_[place - 1].id == id; });
    return number == HashIndex::none ? items_.size() : number - 1;
  }
  void index_last() {
    if (items_.size() > unindexed_max || index_.size() > 0) add_to_index();
  }
  void add_to_index();

  std::vector<Item> items_;
  HashIndex index_;                    // of 1 + place; empty while there are few
  std::vector<mqtt::PacketId> added_;  // since store(); some may be gone
  std::vector<mqtt::PacketId> gone_;   // and still in the journal
};

template <typename Visit>
void IncomingIds::store(Visit&& visit) {
  for (const mqtt::PacketId id : gone_) visit(id, false);
  gone_.clear();
  for (const mqtt::PacketId id : added_) {
    const std::size_t place = place_of(id);
    if (place == items_.size() || items_[place].stored) continue;
    items_[place].stored = true;
    visit(id, true);
  }
  added_.clear();
}

}  // namespace broker
