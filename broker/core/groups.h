// broker/core/groups.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

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

/// The shared subscriptions whose home this shard is (section 4.8.2).
///
/// Shape      A group is a share name and a filter; its number is what the topic trie stores.
/// Invariant  A group has at least one member: the last one to leave takes it along.
/// Threads    None.
class Groups {
 public:
  struct Group {
    std::string share_name;
    std::string filter;
    std::vector<GroupMember> members;
    std::size_t next = 0;  // whose turn it is
  };
  struct Joined {
    std::uint32_t group;
    bool created;  // the caller then puts it into the trie
  };

  /// Adds a member, or replaces what is known of it [MQTT-3.8.4-3].
  Joined join(std::string_view share_name, std::string_view filter, const GroupMember& member);
  /// Returns   True if that was the last member: the group is gone, and `group` says which it was.
  bool leave(std::string_view share_name, std::string_view filter, const GroupMember& member,
             std::uint32_t& group);
  void set_online(std::string_view share_name, std::string_view filter, const GroupMember& member);

  /// The group's number, or nothing.
  [[nodiscard]] std::optional<std::uint32_t> number(std::string_view share_name,
                                                    std::string_view filter) const;
  [[nodiscard]] const Group& at(std::uint32_t group) const { return groups_[group]; }

  /// Calls `visit(const Group&, const GroupMember&)` for each member of each group.
  template <typename Visit>
  void for_each_member(Visit&& visit) const {
    for (const Group& group : groups_) {
      for (const GroupMember& member : group.members) visit(group, member);
    }
  }

  /// The member whose turn it is: round robin among those online, else among those away (their
  /// sessions queue). Null only for a group that is gone.
  [[nodiscard]] const GroupMember* pick(std::uint32_t group);

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
