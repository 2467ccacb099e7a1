// broker/core/hash_index.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace broker {

/// From the hash of a thing to its number; the thing itself stands elsewhere.
///
/// Shape      Open addressing. A slot holds the number and the whole hash: a search looks at things
///            only if their hash is the one wanted, and growing looks at none.
/// Invariant  At most three quarters full. No tombstones: slots behind a hole move up.
/// Threads    None.
class HashIndex {
 public:
  static constexpr std::uint32_t none = 0;

  /// The number that was put under `hash` for which `same(number)` is true, or none.
  template <typename Same>
  [[nodiscard]] std::uint32_t find(std::uint32_t hash, Same&& same) const noexcept {
    if (slots_.empty()) return none;
    for (std::size_t at = hash & mask();; at = (at + 1) & mask()) {
      const Slot slot = slots_[at];
      if (slot.number == none) return none;
      if (slot.hash == hash && same(slot.number)) return slot.number;
    }
  }
  /// Puts a number, not none, that is not there yet.
  void insert(std::uint32_t hash, std::uint32_t number);
  /// Takes out a number that is there under `hash`.
  void erase(std::uint32_t hash, std::uint32_t number);
  /// Puts `number` in the place of `old`, which is there under `hash`.
  void replace(std::uint32_t hash, std::uint32_t old, std::uint32_t number) noexcept {
    assert(number != none);
    slots_[slot_of(hash, old)].number = number;
  }
  /// Begins to fetch the slot that find() reads first.
  void prefetch(std::uint32_t hash) const noexcept {
    if (!slots_.empty()) __builtin_prefetch(&slots_[hash & mask()]);
  }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

 private:
  struct Slot {
    std::uint32_t hash = 0;
    std::uint32_t number = none;
  };

  [[nodiscard]] std::size_t mask() const noexcept { return slots_.size() - 1; }
  [[nodiscard]] std::size_t slot_of(std::uint32_t hash, std::uint32_t number) const noexcept;
  void place(Slot slot) noexcept;
  void resize(std::size_t slots);

  std::vector<Slot> slots_;  // empty, or a power of two
  std::size_t size_ = 0;
};

}  // namespace broker
