#include "broker/core/stragglers.h"

#include <cassert>
#include <utility>

namespace broker {

void Stragglers::add(std::uint64_t number, InFlight entry) {
  assert(!by_number_.contains(number) && !numbers_.contains(packet_id_of(number)));
  by_number_.emplace(number, std::move(entry));
  numbers_.emplace(packet_id_of(number), number);
}

Stragglers::Place Stragglers::find(mqtt::PacketId id) noexcept {
  const auto found = numbers_.find(id);
  if (found == numbers_.end()) return {0, nullptr};
  return {found->second, &by_number_.find(found->second)->second};
}

void Stragglers::remove(mqtt::PacketId id) {
  const auto found = numbers_.find(id);
  assert(found != numbers_.end());
  by_number_.erase(found->second);
  numbers_.erase(found);
}

void Stragglers::rewind() noexcept {
  for (auto& [number, entry] : by_number_) entry.rewind();
  resend_ = 0;
}

Stragglers::Place Stragglers::next_to_resend() noexcept {
  if (!resending()) return {0, nullptr};
  for (auto at = by_number_.lower_bound(resend_); at != by_number_.end(); ++at) {
    resend_ = at->first;
    if (at->second.to_be_sent()) return {at->first, &at->second};
  }
  resend_ = none;
  return {0, nullptr};
}

}  // namespace broker
