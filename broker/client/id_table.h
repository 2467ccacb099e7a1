// broker/client/id_table.h
#pragma once

#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "broker/wire/protocol.h"

namespace client {

/// Values by packet identifier. A value allocates nothing while others come and go.
///
/// Shape      An index by identifier, as long as the largest one asks for, of numbers of slots; and
///            slots, of which the one that became free last is taken first: it is in the cache.
/// Lifetime   A pointer to a value is good until the next add(), erase() or clear(). The memory of
///            a crowd of values is given back when the last one goes.
/// Bounds     65,535 values.
/// Threads    None.
template <typename Value>
class IdTable {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return slots_.size() - free_.size(); }
  [[nodiscard]] bool contains(mqtt::PacketId id) const noexcept { return slot_of(id) != none; }

  /// Null if there is none.
  [[nodiscard]] Value* find(mqtt::PacketId id) noexcept {
    const std::uint16_t slot = slot_of(id);
    return slot == none ? nullptr : &slots_[slot - 1].value;
  }
  [[nodiscard]] const Value* find(mqtt::PacketId id) const noexcept {
    return const_cast<IdTable*>(this)->find(id);
  }

  /// A value that is made anew.
  ///
  /// Requires  An identifier that is not 0 and has no value.
  Value& add(mqtt::PacketId id) {
    const auto number = static_cast<std::uint16_t>(id);
    assert(number != 0 && !contains(id));
    if (number >= index_.size()) index_.resize(std::bit_ceil(std::size_t{number} + 1), none);
    if (free_.empty()) {
      slots_.emplace_back();
      free_.push_back(static_cast<std::uint16_t>(slots_.size()));
    }
    index_[number] = free_.back();
    free_.pop_back();
    Slot& slot = slots_[index_[number] - 1];
    slot.id = id;
    return slot.value;
  }

  /// Requires  contains(id).
  void erase(mqtt::PacketId id) {
    const std::uint16_t slot = std::exchange(index_[static_cast<std::uint16_t>(id)], none);
    assert(slot != none);
    slots_[slot - 1] = Slot();
    free_.push_back(slot);
    if (size() == 0 && slots_.size() > slots_kept) clear();
  }

  /// Gives all memory back.
  void clear() noexcept {
    index_ = std::vector<std::uint16_t>();
    slots_ = std::vector<Slot>();
    free_ = std::vector<std::uint16_t>();
  }

  /// Calls `visit(id, value)` for each, in no order. It may change the value, and nothing else.
  template <typename Visit>
  void for_each(Visit&& visit) {
    for (Slot& slot : slots_) {
      if (slot.id != mqtt::PacketId{0}) visit(slot.id, slot.value);
    }
  }
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (const Slot& slot : slots_) {
      if (slot.id != mqtt::PacketId{0}) visit(slot.id, slot.value);
    }
  }

 private:
  struct Slot {
    mqtt::PacketId id{0};  // 0: free
    Value value{};
  };
  static constexpr std::uint16_t none = 0;  // slots are numbered from 1
  static constexpr std::size_t slots_kept = 4096;

  [[nodiscard]] std::uint16_t slot_of(mqtt::PacketId id) const noexcept {
    const auto number = static_cast<std::uint16_t>(id);
    return number < index_.size() ? index_[number] : none;
  }

  std::vector<std::uint16_t> index_;
  std::vector<Slot> slots_;
  std::vector<std::uint16_t> free_;  // numbers of slots
};

}  // namespace client
