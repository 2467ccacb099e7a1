// broker/subscriptions.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/client_log.h"
#include "broker/core/connection.h"
#include "broker/core/denial_log.h"
#include "broker/core/journal.h"
#include "broker/core/ledger.h"
#include "broker/core/membership_list.h"
#include "broker/core/packet_work.h"
#include "broker/core/retained.h"
#include "broker/core/router.h"
#include "broker/core/sender.h"
#include "broker/core/session.h"
#include "broker/core/topic_trie.h"
#include "broker/interest.h"
#include "broker/pressure.h"
#include "broker/replies.h"
#include "broker/retained_delivery.h"
#include "broker/shared_subscriptions.h"
#include "broker/turn.h"
#include "broker/wire/framer.h"
#include "broker/wire/reason.h"
#include "broker/wire/subscribe.h"

namespace broker {

/// The subscriptions of a shard's sessions: SUBSCRIBE and UNSUBSCRIBE, and the end of a session's.
///
/// Shape      begin() -> go_on() ... go_on()   one packet, over as many turns as its steps take
///            In the first phase all filters are checked, in the second each is added or removed,
///            and when other nodes of a cluster know those that were added, the packet is answered.
///            In the last phase RetainedDelivery has its part.
/// Invariant  A subscription is in the router, in the list of its session, in the interest that
///            other shards look at, and in the ledger; shared ones in their group instead of the
///            first two. A packet with a fault changes nothing.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
/// Source     Sections 3.8 to 3.11.
class Subscriptions final {
 public:
  Subscriptions(const ShardOptions& options, Interest& interest, Router& router, Ledger& ledger,
                SharedSubscriptions& groups, Retained& retained, Sender& sender, DenialLog& denials,
                Pressure& pressure, Turn& turn, ClientLog& log, Replies& replies);

  /// How far work has come that may take several turns.
  enum class Handled : std::uint8_t {
    done,
    paused,  ///< steps are lacking: it can go on in the next turn
    waits,   ///< for other nodes of a cluster: ShardLinks::filters_announced()
  };

  /// Begins a SUBSCRIBE or UNSUBSCRIBE: `connection.work` is its state from now on, and points into
  /// the frame until PacketWork::keep().
  ///
  /// Requires  The connection has a session, and no packet that is being handled.
  /// Returns   Why the packet is malformed; nothing if it is not.
  [[nodiscard]] std::optional<mqtt::Failure> begin(Connection& connection,
                                                   const mqtt::Frame& frame);
  /// Goes on with `connection.work`, as far as there are steps.
  ///
  /// Errors    The fault of the packet: the connection has to end.
  [[nodiscard]] mqtt::Decoded<Handled> go_on(Connection& connection);

  /// Adds a subscription that a session had on another shard; `share_name` is empty if it is not
  /// shared.
  void put_back(Session& session, std::string_view share_name, std::string_view filter,
                const Ledger::Options& terms);
  /// Ends the subscriptions of a session that ends. `next`: of its memberships, 1 at first.
  ///
  /// Returns   False if steps are lacking: to be called again in a later turn.
  [[nodiscard]] bool end_all(Session& session, MembershipList::Number& next);

  /// Calls `visit(const std::string& filter, const Subscriber& terms)` for each subscription of a
  /// session that is not shared.
  template <typename Visit>
  void for_each(const Session& session, Visit&& visit) const;
  /// Writes the row of the one at a place of Session::subscriptions, for a store that begins anew.
  void rewrite(const Session& session, std::size_t place, JournalBatch& batch) const;

 private:
  struct Wanted {
    std::string filter;  // mount point in front
    std::string share_name;
    mqtt::SubscribeEntry entry;
    TopicTrie::FilterIndex index = 0;  // once it is added, unless it is shared
    bool shared = false;
    bool fresh = true;
    mqtt::Reason answer = mqtt::Reason::success;
  };

  [[nodiscard]] mqtt::Decoded<Handled> check_filters(const Connection& connection,
                                                     PacketWork& work);
  /// Takes a filter off the front of `rest`, and checks it.
  [[nodiscard]] mqtt::Decoded<bool> check_filter(const Connection& connection,
                                                 mqtt::PacketType type, mqtt::Bytes& rest) const;
  [[nodiscard]] static std::optional<mqtt::Failure> check_answer(const Connection& connection,
                                                                 std::size_t filters);
  [[nodiscard]] Handled subscribe_all(Connection& connection, PacketWork& work);
  [[nodiscard]] Handled unsubscribe_all(Connection& connection, PacketWork& work);
  void answer_filters(Connection& connection, const PacketWork& work);
  /// Requires  check_filter() has taken it.
  [[nodiscard]] Wanted understand(const Connection& connection, const mqtt::SubscribeEntry& entry);
  /// Whether there is room for a subscription. One that replaces another takes none.
  [[nodiscard]] bool has_room(const Connection& connection, const Wanted& wanted);
  [[nodiscard]] bool is_subscribed(const Session& session, const Wanted& wanted) const;
  void subscribe(Session& session, Wanted& wanted, std::uint32_t subscription_identifier);
  void subscribe_shared(Session& session, const Wanted& wanted,
                        std::uint32_t subscription_identifier);
  TopicTrie::Insertion add_subscription(Session& session, std::string_view filter,
                                        const Subscriber& subscriber);
  void join_group(Session& session, std::string_view share_name, std::string_view filter,
                  const Ledger::Options& terms);
  [[nodiscard]] mqtt::Reason unsubscribe(Session& session, std::string_view filter_text);
  [[nodiscard]] mqtt::Reason unsubscribe_shared(Session& session, std::string_view share_name,
                                                std::string_view filter);

  const ShardOptions& options_;
  Interest& interest_;
  Router& router_;
  Ledger& ledger_;
  SharedSubscriptions& groups_;
  DenialLog& denials_;
  Pressure& pressure_;
  Turn& turn_;
  ClientLog& log_;
  Replies& replies_;
  RetainedDelivery retained_;
  std::vector<mqtt::Reason> answers_;  // of the packet at hand
};

template <typename Visit>
void Subscriptions::for_each(const Session& session, Visit&& visit) const {
  Subscriber wanted;
  wanted.index = static_cast<std::uint32_t>(session.index);
  for (const TopicTrie::FilterIndex filter : session.subscriptions.view()) {
    visit(router_.filter_text(filter), router_.terms_of(filter, wanted));
  }
}

}  // namespace broker
