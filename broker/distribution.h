// broker/distribution.h
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "broker/core/denial.h"
#include "broker/core/denial_log.h"
#include "broker/core/homes.h"
#include "broker/core/ids.h"
#include "broker/core/ledger.h"
#include "broker/core/message.h"
#include "broker/core/outbox.h"
#include "broker/core/peer_id.h"
#include "broker/core/peer_set.h"
#include "broker/core/publication.h"
#include "broker/core/retained.h"
#include "broker/core/router.h"
#include "broker/core/sender.h"
#include "broker/core/session.h"
#include "broker/forwards.h"
#include "broker/interest.h"
#include "broker/peer.h"
#include "broker/peer_links.h"
#include "broker/pressure.h"
#include "broker/publish_batch.h"
#include "broker/shared_subscriptions.h"
#include "broker/turn.h"

namespace broker {

struct ShardOptions;

/// Distributes published messages: to sessions and groups of this shard, to the retained messages,
/// and to peers.
///
/// Shape      publish() -> Router: subscribers here -> Sender, SharedSubscriptions
///                      -> Retained, on every shard
///                      -> shards that may be interested (Interest); they call on_peer()
///                      -> links that subscribe here (PeerLinks)
/// Invariant  A peer hands a message to its own subscribers, and sends it no further. Of each
///            retained message one shard has the row in the store: stores_retained().
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Distribution final {
 public:
  Distribution(const ShardOptions& options, const Homes& homes, const Interest& interest,
               Outbox& outbox, PeerOutbox& peers, Router& router, Ledger& ledger,
               Forwards& forwards, Sender& sender, SharedSubscriptions& groups, Retained& retained,
               DenialLog& denials, PeerLinks& links, Pressure& pressure, const Turn& turn);

  /// Everything that is published goes through here: by clients, wills and the broker itself.
  /// `lendable`: the message stands in bytes being received, and may be written from there.
  /// Returns   Whether anybody may receive it.
  bool publish(const MessageView& message, Session* from, bool lendable = false);
  /// Publishes a message that came by a link, which is not sent it back.
  /// Returns   Whether anybody may receive it.
  bool publish_from(PeerId link, const MessageView& message);
  /// Publishes in the broker's own name, below "$SYS/".
  void publish_own(std::string_view topic, std::string_view payload, bool retain);
  /// Delivers a message to one session.
  void deliver(Publication& publication, const Route& route, const Receiver& receiver);

  /// The one question for all that is published for a client: by PUBLISH, or its will. Counts and
  /// logs a no.
  [[nodiscard]] bool may_publish(const Session& session, std::string_view topic, Denial kind);
  /// To how many a message of that topic goes, and on which shards: for traces.
  [[nodiscard]] std::string describe_receivers(std::string_view topic);
  /// Is a PUBLISH to this topic answered by the broker, and handed to nobody?
  [[nodiscard]] bool answers_control(std::string_view topic) const noexcept;
  void answer_control(Session& session, std::string_view topic);

  // Messages that were published on another shard.

  void on_peer(const PublishBatch& batch);
  void on_peer(ShardIndex from, PeerPublish& message);

  // Retained messages.

  /// Replaces the retained message of a topic; without payload it removes that.
  void retain(Publication& publication, RetainStamp stamp, std::shared_ptr<const Publisher> by);
  /// Removes expired retained messages, and tombstones that have served their time, as many as one
  /// turn may. Returns whether there may be more.
  bool sweep_retained();
  /// Every shard has every retained message; one of them stores it.
  [[nodiscard]] bool stores_retained(std::string_view topic) const;

 private:
  struct Peers {
    PeerSet all;         // receivers of the message
    PeerSet interested;  // those with subscribers that may want it
  };

  /// Where the message at hand was published.
  enum class Published : std::uint8_t { here, at_peer };

  [[nodiscard]] PeerSet interested_peers(std::string_view topic, Route& route) const;
  /// Hands a message to the receivers of this shard.
  void hand_out(Publication& publication, Route& route, Session* from,
                Published published = Published::here);
  /// The rest of publish() for messages that are retained, or kept by other shards too.
  void publish_further(const Peers& to, Publication& publication, Route& route, Session* from);
  void send_to_links(const MessageView& message, const Route& route, Published published);
  [[nodiscard]] const std::shared_ptr<const Publisher>& publisher_of(Session& session);
  /// Notes that the retained message of a topic is about to change, if this shard stores it.
  void note_retained(std::string_view topic);
  /// A message that may be queued is shared, so that the store has it once; one that has to follow
  /// another waits for that.
  [[nodiscard]] bool goes_into_batch(const MessageView& message) const noexcept;
  void send_in_batch(PeerSet to, const MessageView& message);
  void send_to_peers(const Peers& to, Publication& publication, RetainStamp stamp,
                     const std::shared_ptr<const Publisher>& by);

  const ShardOptions& options_;
  const Homes& homes_;
  const Interest& interest_;
  Outbox& outbox_;
  PeerOutbox& peers_;
  Router& router_;
  Ledger& ledger_;
  Forwards& forwards_;
  Sender& sender_;
  SharedSubscriptions& groups_;
  Retained& retained_;
  DenialLog& denials_;
  PeerLinks& links_;
  Pressure& pressure_;
  const Turn& turn_;
  PeerId sender_peer_{0};           // the link that the message at hand came by; 0: none
  std::uint64_t retain_count_ = 0;  // of RetainStamp: Lamport's clock over retained updates
};

}  // namespace broker
