// broker/core/groups.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/hash_index.h"
#include "broker/core/ids.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A session that takes part in a shared subscription; it may live on another shard.
struct GroupMember {
  ShardIndex shard{0};
  SessionIndex session{0};
  std::uint64_t session_number = 0;
  std::uint32_t subscription_identifier = 0;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain_as_published = false;
  bool online = false;

  [[nodiscard]] bool same_as(const GroupMember& other) const noexcept {
    return shard == other.shard && session == other.session &&
           session_number == other.session_number;
  }
};

/// The members of one group.
///
/// Shape      An array, those online in front of those away, and an index into it once it is long.
/// Cost       Everything takes constant time, however many there are.
/// Threads    None.
class GroupMembers {
 public:
  [[nodiscard]] std::size_t size() const noexcept { return items_.size(); }
  [[nodiscard]] std::span<const GroupMember> view() const noexcept { return items_; }
  /// Adds a member, or replaces its entry. Returns true if it was not there.
  bool insert(const GroupMember& member);
  /// Returns false if it was not there.
  bool erase(const GroupMember& member);
  /// Returns without effect if it is not there.
  void set_online(const GroupMember& member);
  /// The next member: round robin among those online, else among those away. Null if there is none.
  [[nodiscard]] const GroupMember* next() noexcept;

 private:
  static constexpr std::size_t unindexed_max = 16;

  [[nodiscard]] std::size_t place_of(const GroupMember& member) const noexcept;
  void swap(std::size_t one, std::size_t other);
  /// Moves the member at a place to the part of the array where it belongs now.
  void sort_in(std::size_t place, bool was_online);
  void build_index();

  std::vector<GroupMember> items_;
  HashIndex index_;         // 1 + place in items_; empty while short
  std::size_t online_ = 0;  // items_ before this one are online
  std::size_t next_ = 0;    // the place of the next member
};

/// The shared subscriptions at home on this shard (section 4.8.2).
///
/// Shape      A group is a share name and a filter; the topic trie stores its number.
/// Invariant  A group has at least one member: the last one to leave takes it along.
/// Threads    None.
class Groups {
 public:
  struct Group {
    std::string share_name;
    std::string filter;
    GroupMembers members;
  };
  struct Joined {
    std::uint32_t group;
    bool created;  // the caller then puts it into the trie
  };

  /// Adds a member, or replaces its entry [MQTT-3.8.4-3].
  Joined join(std::string_view share_name, std::string_view filter, const GroupMember& member);
  /// Returns   True if that was the last member: the group is gone, and `group` says which it was.
  bool leave(std::string_view share_name, std::string_view filter, const GroupMember& member,
             std::uint32_t& group);
  void set_online(std::string_view share_name, std::string_view filter, const GroupMember& member);

  /// The group's number, or nothing.
  [[nodiscard]] std::optional<std::uint32_t> number(std::string_view share_name,
                                                    std::string_view filter) const;
  [[nodiscard]] const Group& at(std::uint32_t group) const {
    assert(group < groups_.size());
    return groups_[group];
  }

  /// Calls `visit(const Group&, const GroupMember&)` for each member of each group.
  template <typename Visit>
  void for_each_member(Visit&& visit) const {
    for (const Group& group : groups_) {
      for (const GroupMember& member : group.members.view()) visit(group, member);
    }
  }

  /// The next member: round robin among those online, else among those away (their sessions queue).
  /// Null only for a group that is gone.
  [[nodiscard]] const GroupMember* pick(std::uint32_t group) noexcept {
    assert(group < groups_.size());
    return groups_[group].members.next();
  }

  [[nodiscard]] std::size_t member_count() const noexcept { return members_; }

 private:
  static std::string key(std::string_view share_name, std::string_view filter);
  Group* lookup(std::string_view share_name, std::string_view filter);

  std::unordered_map<std::string, std::uint32_t> by_key_;
  std::vector<Group> groups_;
  std::vector<std::uint32_t> free_;
  std::size_t members_ = 0;
};

}  // namespace broker
