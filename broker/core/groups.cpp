#include "broker/core/groups.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace broker {
namespace {

std::uint32_t hash_of(const GroupMember& member) noexcept {
  const std::uint64_t key = member.session_number << 8U | static_cast<std::uint32_t>(member.shard);
  return static_cast<std::uint32_t>(key * 0x9E3779B97F4A7C15U >> 32U);
}

}  // namespace

/// Index in items_; its size if it is not there.
std::size_t GroupMembers::place_of(const GroupMember& member) const noexcept {
  const auto same = [&](const GroupMember& other) { return other.same_as(member); };
  if (index_.size() == 0) {
    return static_cast<std::size_t>(std::ranges::find_if(items_, same) - items_.begin());
  }
  const std::uint32_t number =
      index_.find(hash_of(member), [&](std::uint32_t place) { return same(items_[place - 1]); });
  return number == HashIndex::none ? items_.size() : number - 1;
}

void GroupMembers::build_index() {
  std::uint32_t number = 0;
  for (const GroupMember& item : items_) index_.insert(hash_of(item), ++number);
}

void GroupMembers::swap(std::size_t one, std::size_t other) {
  assert(one < items_.size() && other < items_.size());
  if (one == other) return;
  if (index_.size() > 0) {
    const auto first = static_cast<std::uint32_t>(one + 1);
    const auto second = static_cast<std::uint32_t>(other + 1);
    index_.replace(hash_of(items_[one]), first, UINT32_MAX);
    index_.replace(hash_of(items_[other]), second, first);
    index_.replace(hash_of(items_[one]), UINT32_MAX, second);
  }
  std::swap(items_[one], items_[other]);
}

void GroupMembers::sort_in(std::size_t place, bool was_online) {
  if (items_[place].online == was_online) return;
  if (was_online) {
    swap(place, --online_);
  } else {
    swap(place, online_++);
  }
}

bool GroupMembers::insert(const GroupMember& member) {
  const std::size_t place = place_of(member);
  const bool created = place == items_.size();
  if (created) {
    items_.push_back(member);
    if (index_.size() > 0) {
      index_.insert(hash_of(member), static_cast<std::uint32_t>(items_.size()));
    } else if (items_.size() > unindexed_max) {
      build_index();
    }
  }
  const bool was_online = !created && items_[place].online;
  items_[place] = member;
  sort_in(place, was_online);
  assert(online_ <= items_.size());
  return created;
}

bool GroupMembers::erase(const GroupMember& member) {
  std::size_t place = place_of(member);
  if (place == items_.size()) return false;
  if (items_[place].online) {
    swap(place, --online_);
    place = online_;
  }
  swap(place, items_.size() - 1);
  if (index_.size() > 0) {
    index_.erase(hash_of(items_.back()), static_cast<std::uint32_t>(items_.size()));
  }
  items_.pop_back();
  if (items_.capacity() > unindexed_max && items_.size() * 4 < items_.capacity()) {
    items_.shrink_to_fit();
  }
  return true;
}

void GroupMembers::set_online(const GroupMember& member) {
  const std::size_t place = place_of(member);
  if (place == items_.size()) return;
  const bool was_online = std::exchange(items_[place].online, member.online);
  sort_in(place, was_online);
}

const GroupMember* GroupMembers::next() noexcept {
  const std::size_t candidates = online_ > 0 ? online_ : items_.size();
  if (candidates == 0) return nullptr;
  if (next_ >= candidates) next_ = 0;
  assert(online_ == 0 || items_[next_].online);
  return &items_[next_++];
}

// A share name holds no '/' [MQTT-4.8.2-2], so that the key is unambiguous.
std::string Groups::key(std::string_view share_name, std::string_view filter) {
  std::string text(share_name);
  text += '/';
  text += filter;
  return text;
}

Groups::Group* Groups::lookup(std::string_view share_name, std::string_view filter) {
  const auto found = by_key_.find(key(share_name, filter));
  return found == by_key_.end() ? nullptr : &groups_[found->second];
}

std::optional<std::uint32_t> Groups::number(std::string_view share_name,
                                            std::string_view filter) const {
  const auto found = by_key_.find(key(share_name, filter));
  if (found == by_key_.end()) return std::nullopt;
  return found->second;
}

Groups::Joined Groups::join(std::string_view share_name, std::string_view filter,
                            const GroupMember& member) {
  const auto [place, created] = by_key_.try_emplace(key(share_name, filter), 0U);
  if (created) {
    if (free_.empty()) {
      place->second = static_cast<std::uint32_t>(groups_.size());
      groups_.emplace_back();
    } else {
      place->second = free_.back();
      free_.pop_back();
    }
    groups_[place->second] = {std::string(share_name), std::string(filter), {}};
  }
  if (groups_[place->second].members.insert(member)) ++members_;
  return {place->second, created};
}

bool Groups::leave(std::string_view share_name, std::string_view filter, const GroupMember& member,
                   std::uint32_t& group) {
  const auto found = by_key_.find(key(share_name, filter));
  if (found == by_key_.end()) return false;
  group = found->second;
  Group& left = groups_[group];
  if (left.members.erase(member)) --members_;
  if (left.members.size() > 0) return false;
  left = Group{};
  free_.push_back(group);
  by_key_.erase(found);
  return true;
}

void Groups::set_online(std::string_view share_name, std::string_view filter,
                        const GroupMember& member) {
  if (Group* const group = lookup(share_name, filter)) group->members.set_online(member);
}

}  // namespace broker
