#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "broker/cluster/envelope.h"
#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/core/peer_id.h"
#include "broker/peer_links.h"
#include "broker/server/cluster/remote_filter_change.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"

namespace broker {
class Shard;
}
namespace transport {
class NatsLink;
}

namespace server {

/// The cluster as one shard sees it: a link that takes the messages that were published on this
/// shard and that other nodes want, and brings those of other nodes.
///
/// Shape      shard ─ send() ─▶ NatsLink            other nodes
///            shard ◀─ deliver() ─ inbox ◀─ receive() ─ ClusterService ◀─ NatsLink
/// Invariant  Messages of one topic come to one shard, in the order in which NATS brought them.
/// Bounds     The inbox holds inbox_bytes_max: messages that come beyond that are dropped, and
///            counted. One turn of the shard delivers deliver_max messages. There is no room while
///            more than full_bytes wait for NATS, and again below half of that.
/// Lifetime   Outlives the shard; `nats` outlives the port.
/// Threads    That of its shard, unless a function says otherwise. receive() is for one other.
class ClusterPort final : public broker::PeerLink {
 public:
  static constexpr std::size_t inbox_bytes_max = 33'554'432;
  static constexpr std::size_t deliver_max = 256;
  static constexpr std::size_t full_bytes = 8'388'608;

  /// `prefix`: of the subjects of messages. `sender`: names this port among all of the cluster.
  ClusterPort(transport::NatsLink& nats, std::string prefix, cluster::SenderId sender)
      : nats_(nats), prefix_(std::move(prefix)), sender_(sender) {}

  /// Makes the port a link of the shard.
  void open(broker::Shard& shard);
  void change_filter(broker::Shard& shard, const RemoteFilterChange& change);

  [[nodiscard]] bool room() const noexcept override;
  void send(const broker::MessageView& message, mqtt::Qos qos) override;

  /// Takes a message of another node; its expiry is the time that is left.
  ///
  /// Returns   Whether deliver() has to be called: it is not on its way.
  [[nodiscard]] bool receive(broker::SharedMessage message);
  /// Publishes messages of other nodes on the shard.
  ///
  /// Returns   Whether there are more; then it is to be called again in the next turn.
  [[nodiscard]] bool deliver(broker::Shard& shard, broker::Instant now);

  // Safe from any thread.

  /// Messages to other nodes, on their way or gone.
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  /// Messages to other nodes for which there was no room.
  [[nodiscard]] std::uint64_t found_no_room() const noexcept { return found_no_room_; }
  /// Messages to other nodes that are too large for NATS.
  [[nodiscard]] std::uint64_t too_large() const noexcept { return too_large_; }
  /// Messages of other nodes that found the inbox full.
  [[nodiscard]] std::uint64_t dropped_received() const noexcept { return dropped_received_; }
  /// Whether room() has said no, and take_room() not yes since then.
  [[nodiscard]] bool was_full() const noexcept { return was_full_; }
  /// Returns   Whether there is room again after there was none: the shard has to be told.
  [[nodiscard]] bool take_room() noexcept;

 private:
  transport::NatsLink& nats_;
  std::string prefix_;
  cluster::SenderId sender_;
  std::uint64_t number_ = 0;
  broker::PeerId own_{0};
  std::string subject_;        // of the message at hand
  mqtt::ByteBuffer envelope_;  // the same
  std::vector<broker::SharedMessage> taken_;
  std::size_t next_ = 0;  // in taken_

  std::atomic<std::uint64_t> sent_{0};
  std::atomic<std::uint64_t> found_no_room_{0};
  std::atomic<std::uint64_t> too_large_{0};
  std::atomic<std::uint64_t> dropped_received_{0};
  mutable std::atomic<bool> was_full_{false};

  std::mutex mutex_;
  std::vector<broker::SharedMessage> inbox_;  // under mutex_, as all that follows
  std::size_t inbox_bytes_ = 0;
  bool is_called_ = false;  // deliver() is on its way
};

}  // namespace server
