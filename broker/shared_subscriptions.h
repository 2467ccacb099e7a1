// broker/shared_subscriptions.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/core/denial_log.h"
#include "broker/core/groups.h"
#include "broker/core/homes.h"
#include "broker/core/ledger.h"
#include "broker/core/membership_list.h"
#include "broker/core/router.h"
#include "broker/core/sender.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"
#include "broker/forwards.h"
#include "broker/interest.h"
#include "broker/peer.h"

namespace broker {

struct ShardOptions;

/// Both ends of shared subscriptions (section 4.8.2): the sessions of this shard that are members
/// of groups, and the groups that are at home here.
///
/// Shape      A group (share name and filter) is at home on one shard, Homes::of_group(). That
///            shard has the filter in its router, knows the members of all shards, and picks one
///            for each message. A session keeps a list of its memberships, for its deliveries name
///            them. The two ends talk in peer messages; if both are on this shard, by a call.
///
///              session's shard                      home of the group
///              join(), leave(), presence() ───────▶ on_peer(GroupJoin, GroupLeave, GroupPresence)
///              on_peer(GroupDelivery) ◀──────────── deliver(): picks a member
///              give_back() ───────────────────────▶ on_peer(GroupReturn): picks another
/// Invariant  A message with QoS 1 or 2 is not lost while the group has a member: a session that
///            ends gives back the messages that its client has not acknowledged, and a delivery
///            that finds its session gone goes back too.
/// Threads    None.
class SharedSubscriptions final {
 public:
  /// `interest`: of all shards of the process. `sessions`: of this shard.
  SharedSubscriptions(const ShardOptions& options, const Homes& homes, Interest& interest,
                      SessionTable& sessions, Router& router, PeerOutbox& peers, Forwards& forwards,
                      Sender& sender, DenialLog& denials);

  // Sessions of this shard.

  /// The number of a shared subscription in the session's memberships; added, not live, if new.
  static MembershipList::Number membership_of(Session& session, std::string_view share_name,
                                              std::string_view filter);
  /// Makes a session a member, or replaces its options.
  /// Returns   Whether it was no member before.
  bool join(Session& session, std::string_view share_name, std::string_view filter,
            const Ledger::Options& terms);
  /// Ends a live membership. Its number stays, for deliveries may name it.
  void leave(Session& session, MembershipList::Number number);
  /// Frees the number of a membership that has ended, now or later.
  static void forget_ended(Session& session, MembershipList::Number ended);
  /// Tells the group of a live membership whether the client of the session is connected.
  void presence(const Session& session, const Membership& membership);
  /// Gives the messages that the session's client has not acknowledged back to their groups, and
  /// ends the memberships that these came by. The session is left without window and backlog.
  /// Returns   How many messages that were.
  std::size_t give_back(Session& session, Instant now);

  // Groups that are at home here.

  [[nodiscard]] const Groups& table() const noexcept { return groups_; }
  /// Gives a message to a member of a group, on any shard.
  void deliver(std::uint32_t group, Publication& publication);

  // Messages of other shards, and of this one.

  void on_peer(ShardIndex from, const GroupJoin& message);
  void on_peer(ShardIndex from, const GroupLeave& message);
  void on_peer(ShardIndex from, const GroupPresence& message);
  void on_peer(ShardIndex from, GroupReturn& message, Instant now);
  void on_peer(ShardIndex from, GroupDelivery& message, Instant now);

 private:
  /// The options of a membership that a delivery depends on.
  struct Granted {
    mqtt::Qos qos;
    bool retain_as_published;
    std::uint32_t subscription_identifier;
  };

  [[nodiscard]] const GroupMember* pick(std::uint32_t group);
  void deliver_here(Session& session, std::string_view share_name, std::string_view filter,
                    const Granted& granted, Publication& publication);
  /// Gives a message back to its group.
  void send_back(ShardIndex home, GroupReturn&& message, bool lasting, Instant now);
  /// Sends to the home of a group, or does it here.
  template <typename Message>
  void tell(ShardIndex home, Message&& message);

  const ShardOptions& options_;
  const Homes& homes_;
  Interest& interest_;
  SessionTable& sessions_;
  Router& router_;
  PeerOutbox& peers_;
  Forwards& forwards_;
  Sender& sender_;
  DenialLog& denials_;
  Groups groups_;
};

}  // namespace broker
