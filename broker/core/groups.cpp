#include "broker/core/groups.h"

#include <algorithm>

namespace broker {

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
    groups_[place->second] = {std::string(share_name), std::string(filter), {}, 0};
  }
  std::vector<GroupMember>& members = groups_[place->second].members;
  const auto known = std::ranges::find_if(
      members, [&](const GroupMember& other) { return other.same_as(member); });
  if (known != members.end()) {
    *known = member;
  } else {
    members.push_back(member);
    ++members_;
  }
  return {place->second, created};
}

bool Groups::leave(std::string_view share_name, std::string_view filter, const GroupMember& member,
                   std::uint32_t& group) {
  const auto found = by_key_.find(key(share_name, filter));
  if (found == by_key_.end()) return false;
  group = found->second;
  Group& left = groups_[group];
  members_ -=
      std::erase_if(left.members, [&](const GroupMember& other) { return other.same_as(member); });
  if (!left.members.empty()) return false;
  left = Group{};
  free_.push_back(group);
  by_key_.erase(found);
  return true;
}

void Groups::set_online(std::string_view share_name, std::string_view filter,
                        const GroupMember& member) {
  Group* const group = lookup(share_name, filter);
  if (group == nullptr) return;
  for (GroupMember& other : group->members) {
    if (other.same_as(member)) other.online = member.online;
  }
}

const GroupMember* Groups::pick(std::uint32_t group) {
  Group& asked = groups_[group];
  const std::size_t count = asked.members.size();
  const GroupMember* away = nullptr;
  for (std::size_t i = 0; i < count; ++i) {
    const std::size_t turn = (asked.next + i) % count;
    const GroupMember& member = asked.members[turn];
    if (member.online) {
      asked.next = (turn + 1) % count;
      return &member;
    }
    if (away == nullptr) away = &member;
  }
  if (away != nullptr)
    asked.next = static_cast<std::size_t>(away - asked.members.data() + 1) % count;
  return away;
}

}  // namespace broker
