#include "broker/core/incoming_ids.h"

namespace broker {

void IncomingIds::add_to_index() {
  const auto number = static_cast<std::uint32_t>(items_.size());
  if (index_.size() > 0) return index_.insert(hash_of(items_.back().id), number);
  std::uint32_t place = 0;
  for (const Item& item : items_) index_.insert(hash_of(item.id), ++place);
}

bool IncomingIds::remove(mqtt::PacketId id) {
  const std::size_t place = place_of(id);
  if (place == items_.size()) return false;
  if (items_[place].stored) gone_.push_back(id);
  if (index_.size() > 0) {
    const auto number = static_cast<std::uint32_t>(place + 1);
    const auto last = static_cast<std::uint32_t>(items_.size());
    index_.erase(hash_of(id), number);
    if (number != last) index_.replace(hash_of(items_.back().id), last, number);
  }
  items_[place] = items_.back();
  items_.pop_back();
  if (items_.capacity() > unindexed_max && items_.size() * 4 < items_.capacity()) {
    items_.shrink_to_fit();
  }
  return true;
}

}  // namespace broker
