// broker/peer_input.h
#pragma once

#include "broker/core/ids.h"
#include "broker/distribution.h"
#include "broker/figures.h"
#include "broker/forwards.h"
#include "broker/peer.h"
#include "broker/peer_links.h"
#include "broker/shared_subscriptions.h"
#include "broker/turn.h"

namespace broker {

/// Messages of other shards, each on its way to the part that it is for.
///
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class PeerInput final {
 public:
  PeerInput(Distribution& distribution, SharedSubscriptions& groups, Forwards& forwards,
            PeerLinks& links, Figures& figures, PeerOutbox& peers, const Turn& turn)
      : distribution_(distribution),
        groups_(groups),
        forwards_(forwards),
        links_(links),
        figures_(figures),
        peers_(peers),
        turn_(turn) {}

  /// Takes a message; its contents may be moved out of it.
  void take(ShardIndex from, PeerMessage& message);

 private:
  void on_peer(ShardIndex /*from*/, PublishBatch& batch) { distribution_.on_peer(batch); }
  void on_peer(ShardIndex from, PeerPublish& message) { distribution_.on_peer(from, message); }
  void on_peer(ShardIndex from, GroupDelivery& message) {
    groups_.on_peer(from, message, turn_.now());
  }
  void on_peer(ShardIndex from, GroupReturn& message) {
    groups_.on_peer(from, message, turn_.now());
  }
  void on_peer(ShardIndex from, GroupJoin& message) { groups_.on_peer(from, message); }
  void on_peer(ShardIndex from, GroupLeave& message) { groups_.on_peer(from, message); }
  void on_peer(ShardIndex from, GroupPresence& message) { groups_.on_peer(from, message); }
  void on_peer(ShardIndex from, MetricsRequest& message);
  void on_peer(ShardIndex from, MetricsReport& message);
  void on_peer(ShardIndex from, Confirmed& message);
  void on_peer(ShardIndex from, LinksFull& message) { links_.on_peer(from, message); }

  Distribution& distribution_;
  SharedSubscriptions& groups_;
  Forwards& forwards_;
  PeerLinks& links_;
  Figures& figures_;
  PeerOutbox& peers_;
  const Turn& turn_;
};

}  // namespace broker
