// broker/shard_links.h
#pragma once

#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/core/peer_id.h"
#include "broker/peer_links.h"
#include "broker/shard.h"
#include "broker/wire/protocol.h"

namespace broker {

/// The links of a shard, for those that own them: peers that are no shards of this process. See
/// PeerLinks.
///
/// Lifetime   Of one expression: Shard::links(). The shard outlives it.
/// Threads    The shard's.
class ShardLinks final {
 public:
  /// A link belongs to this shard from now on. It outlives remove() or the shard.
  [[nodiscard]] PeerId add(PeerLink& link, LinkReach reach = LinkReach::process);
  /// Requires  unsubscribe() for all its filters before it.
  void remove(PeerId link);
  /// Messages that match the filter go to the link, from as far as it reaches; `qos` at most.
  /// Replaces the QoS if it is subscribed already.
  ///
  /// Requires  A well-formed topic filter.
  void subscribe(PeerId link, std::string_view filter, mqtt::Qos qos);
  void unsubscribe(PeerId link, std::string_view filter);
  /// Publishes a message that came by a link; that link does not get it back.
  ///
  /// Requires  A well-formed topic name, and properties as they are forwarded.
  /// Returns   Whether anybody may receive it.
  bool publish_from(PeerId link, const MessageView& message, Instant now);
  /// Other nodes know more filters than before, see FilterWatch: SUBSCRIBE packets that wait for
  /// that go on, in Shard::work().
  void filters_announced();
  /// A link that was full has room: clients that were kept waiting go on.
  void has_room(Instant now);

 private:
  friend class Shard;
  explicit ShardLinks(Shard::Inside& inside) noexcept : inside_(inside) {}
  /// Whether its filters count as interest of the shard.
  [[nodiscard]] static bool counts(const Shard::State& state, PeerId link);

  Shard::Inside& inside_;
};

}  // namespace broker
