#include "broker/core/hash_index.h"

#include <bit>
#include <cassert>

namespace broker {
namespace {

constexpr std::size_t slots_min = 16;

}  // namespace

void HashIndex::insert(std::uint32_t hash, std::uint32_t number) {
  assert(number != none);
  if ((size_ + 1) * 4 > slots_.size() * 3) {
    resize(slots_.empty() ? slots_min : slots_.size() * 2);
  }
  place({hash, number});
  ++size_;
}

void HashIndex::erase(std::uint32_t hash, std::uint32_t number) {
  assert(size_ > 0 && number != none);
  std::size_t hole = slot_of(hash, number);
  for (std::size_t next = (hole + 1) & mask(); slots_[next].number != none;
       next = (next + 1) & mask()) {
    const std::size_t home = slots_[next].hash & mask();
    if (((next - home) & mask()) < ((next - hole) & mask())) continue;
    slots_[hole] = slots_[next];
    hole = next;
  }
  slots_[hole] = Slot{};
  --size_;
  if (slots_.size() > slots_min && size_ * 8 < slots_.size()) resize(slots_.size() / 2);
}

std::size_t HashIndex::slot_of(std::uint32_t hash, std::uint32_t number) const noexcept {
  assert(!slots_.empty());
  std::size_t at = hash & mask();
  while (slots_[at].number != number) {
    assert(slots_[at].number != none);  // else the search never ends
    at = (at + 1) & mask();
  }
  assert(slots_[at].hash == hash);
  return at;
}

void HashIndex::place(Slot slot) noexcept {
  std::size_t at = slot.hash & mask();
  while (slots_[at].number != none) at = (at + 1) & mask();
  slots_[at] = slot;
}

void HashIndex::resize(std::size_t slots) {
  assert(std::has_single_bit(slots) && slots > size_);
  const std::vector<Slot> old = std::exchange(slots_, std::vector<Slot>(slots));
  for (const Slot& slot : old) {
    if (slot.number != none) place(slot);
  }
}

}  // namespace broker
