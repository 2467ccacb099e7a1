// broker/peer_links.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/core/metrics.h"
#include "broker/core/peer_id.h"
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
  /// are kept waiting with all others; one that was on its way by then is sent all the same.
  [[nodiscard]] virtual bool room() const noexcept = 0;
  /// Takes a message that one of its subscriptions matches. `qos`: the lower one of the message's
  /// and the subscription's. The views hold until it returns.
  ///
  /// Requires  It calls no shard.
  virtual void send(const MessageView& message, mqtt::Qos qos) = 0;
};

/// The links of a shard.
///
/// Shape      A link is a subscriber of another kind: its subscriptions are in the router of the
///            shard that it belongs to, so that a message comes to it from every shard of the
///            process as to a session, once.
/// Invariant  A name is not given again.
/// Lifetime   A link outlives its entry: see remove().
/// Threads    None.
class PeerLinks {
 public:
  explicit PeerLinks(Metrics& metrics) : metrics_(metrics) {}

  [[nodiscard]] PeerId add(PeerLink& link);
  /// Requires  It was added, and its subscriptions have ended.
  void remove(PeerId peer);

  /// Sends a message, or drops it if it has QoS 0 and there is no room.
  void send(PeerId peer, const MessageView& message, mqtt::Qos qos);
  /// Whether a link had no room when it was sent something, and has none now.
  [[nodiscard]] bool are_full() noexcept { return full_ && look_for_room(); }

 private:
  /// Looks at all links again; returns whether one is full.
  bool look_for_room() noexcept;

  Metrics& metrics_;
  std::vector<PeerLink*> links_;  // by index_of(); null: it was removed
  bool full_ = false;
};

}  // namespace broker
