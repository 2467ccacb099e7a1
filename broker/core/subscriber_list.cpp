#include "broker/core/subscriber_list.h"

#include <algorithm>

namespace broker {
namespace {

std::uint32_t hash_of(const Subscriber& subscriber) noexcept {
  const std::uint64_t key = std::uint64_t{subscriber.index} << 1U |
                            static_cast<std::uint64_t>(subscriber.kind == Subscriber::Kind::group);
  return static_cast<std::uint32_t>(key * 0x9E3779B97F4A7C15U >> 32U);
}

}  // namespace

/// Index in items_; its size if there is none.
std::size_t SubscriberList::place_of(const Subscriber& subscriber) const noexcept {
  const auto same = [&](const Subscriber& other) { return other.same_as(subscriber); };
  if (index_.size() == 0) {
    return static_cast<std::size_t>(std::ranges::find_if(items_, same) - items_.begin());
  }
  const std::uint32_t number = index_.find(
      hash_of(subscriber), [&](std::uint32_t place) { return same(items_[place - 1]); });
  return number == HashIndex::none ? items_.size() : number - 1;
}

const Subscriber* SubscriberList::find(const Subscriber& subscriber) const noexcept {
  const std::size_t place = place_of(subscriber);
  return place == items_.size() ? nullptr : &items_[place];
}

bool SubscriberList::insert(const Subscriber& subscriber) {
  const std::size_t place = place_of(subscriber);
  if (place < items_.size()) {
    items_[place] = subscriber;
    return false;
  }
  items_.push_back(subscriber);
  if (index_.size() > 0) {
    index_.insert(hash_of(subscriber), static_cast<std::uint32_t>(items_.size()));
  } else if (items_.size() > unindexed_max) {
    build_index();
  }
  return true;
}

void SubscriberList::build_index() {
  std::uint32_t number = 0;
  for (const Subscriber& item : items_) index_.insert(hash_of(item), ++number);
}

bool SubscriberList::erase(const Subscriber& subscriber) {
  const std::size_t place = place_of(subscriber);
  if (place == items_.size()) return false;
  if (index_.size() > 0) {
    const auto number = static_cast<std::uint32_t>(place + 1);
    const auto last = static_cast<std::uint32_t>(items_.size());
    index_.erase(hash_of(subscriber), number);
    if (number != last) index_.replace(hash_of(items_.back()), last, number);
  }
  items_[place] = items_.back();
  items_.pop_back();
  if (items_.capacity() > unindexed_max && items_.size() * 4 < items_.capacity()) {
    items_.shrink_to_fit();
  }
  return true;
}

}  // namespace broker
