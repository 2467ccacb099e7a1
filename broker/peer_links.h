// broker/peer_links.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/core/metrics.h"
#include "broker/core/peer_id.h"
#include "broker/core/peer_set.h"
#include "broker/peer.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A peer that is no shard of this process, as its shard sees it: a link to another node, a bridge.
///
/// Threads    Those of its shard.
class PeerLink {
 public:
  PeerLink() = default;
  virtual ~PeerLink() = default;
  PeerLink(const PeerLink&) = delete;
  PeerLink& operator=(const PeerLink&) = delete;

  /// Whether it has room for more. While it has none, messages with QoS 0 are dropped, and clients
  /// of all shards are kept waiting with all others; one that was on its way by then is sent all
  /// the same: at most the messages that the mailboxes of its shard hold. Each change is told to
  /// all shards, so room comes back well below the limit, not at it.
  [[nodiscard]] virtual bool room() const noexcept = 0;
  /// Takes a message that one of its subscriptions matches. `qos`: the lower one of the message's
  /// and the subscription's. The views hold until it returns.
  ///
  /// Requires  It calls no shard.
  virtual void send(const MessageView& message, mqtt::Qos qos) = 0;
};

/// Which messages come to a link.
enum class LinkReach : std::uint8_t {
  process,  ///< those of all shards: it is subscribed on one, as a session is
  shard,    ///< those that were published on its shard: its owner has a link on every shard
};

/// The links of a shard.
///
/// Shape      A link is a subscriber of another kind: its subscriptions are in the router of the
///            shard that it belongs to, so that a message comes to it once: from every shard of the
///            process as to a session, or, with LinkReach::shard, on the shard where it was
///            published, so that no shard has to hand messages to another one for it.
///            A full link holds its publishers back as a full mailbox does, but for single packets:
///              PUBLISH with QoS 0            dropped at the link, counted
///              PUBLISH with QoS 1 and 2      waits unacknowledged, by Pressure, on each shard
///            The other shards learn of it by LinksFull.
/// Invariant  A name is not given again. The other shards were told of `full_here_`.
/// Lifetime   A link outlives its entry: see remove().
/// Threads    None.
class PeerLinks final {
 public:
  /// For the shard `own` of `shards`.
  PeerLinks(Metrics& metrics, PeerOutbox& peers, PeerId own, std::uint32_t shards) noexcept
      : metrics_(metrics), peers_(peers), others_(PeerSet::first(shards) - PeerSet(own)) {}

  [[nodiscard]] PeerId add(PeerLink& link, LinkReach reach = LinkReach::process);
  [[nodiscard]] LinkReach reach_of(PeerId peer) const noexcept {
    assert(link_of(peer) < links_.size());
    return links_[link_of(peer)].reach;
  }
  /// Requires  It was added, and its subscriptions have ended.
  void remove(PeerId peer);

  /// Sends a message, or drops it if it has QoS 0 and there is no room.
  void send(PeerId peer, const MessageView& message, mqtt::Qos qos);
  /// Whether a link of any shard had no room when it was sent something, and has none now.
  [[nodiscard]] bool are_full() const noexcept { return full_here_ || !full_elsewhere_.empty(); }
  /// A link that was full has room.
  void look_for_room();
  /// The same from another shard, or that a link there is full.
  void on_peer(ShardIndex from, const LinksFull& message);

 private:
  struct Entry {
    PeerLink* link = nullptr;  // null: it was removed
    LinkReach reach = LinkReach::process;
  };

  void set_full(bool full);

  Metrics& metrics_;
  PeerOutbox& peers_;
  PeerSet others_;            // all shards but this one
  std::vector<Entry> links_;  // by link_of()
  bool full_here_ = false;
  PeerSet full_elsewhere_;  // shards with a link that is full
};

}  // namespace broker
