// broker/peer.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "broker/core/confirm_request.h"
#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/core/metrics.h"
#include "broker/core/peer_id.h"
#include "broker/core/retain_stamp.h"
#include "broker/publish_batch.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A message published on the sending shard, if it does not go into a PublishBatch; the receiver
/// routes it to its own subscribers.
struct PeerPublish {
  SharedMessage message;
  RetainStamp stamp;  // meaningful if message.retain
  /// Null unless message.retain and a client published it.
  std::shared_ptr<const Publisher> publisher;
  ConfirmRequest confirm;  // when this shard has stored it
};

/// A session of the sending shard joins a shared subscription with a group at the receiver.
/// Joining again replaces the options.
struct GroupJoin {
  std::string share_name;
  std::string filter;  // without "$share/NAME/", mount point in front
  SessionIndex session{0};
  std::uint64_t session_number = 0;  // tells sessions of one index apart
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain_as_published = false;
  bool online = false;
  std::uint32_t subscription_identifier = 0;
};

/// The opposite.
struct GroupLeave {
  std::string share_name;
  std::string filter;
  SessionIndex session{0};
  std::uint64_t session_number = 0;
};

/// A member went online or offline: groups prefer members that are online.
struct GroupPresence {
  std::string share_name;
  std::string filter;
  SessionIndex session{0};
  std::uint64_t session_number = 0;
  bool online = false;
};

/// A group picked a session of the receiving shard for a message.
struct GroupDelivery {
  std::string share_name;
  std::string filter;
  SessionIndex session{0};
  std::uint64_t session_number = 0;
  SharedMessage message;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain_as_published = false;
  std::uint32_t subscription_identifier = 0;
  ConfirmRequest confirm;  // as in PeerPublish
};

/// A message that a leaving member had not acknowledged goes back to its group [section 4.8.2].
struct GroupReturn {
  std::string share_name;
  std::string filter;
  SharedMessage message;
  ConfirmRequest confirm;  // as in PeerPublish
};

/// The sender has stored all messages of the receiver up to this request, of its depth.
struct Confirmed {
  ConfirmRequest request;
};

/// Shard 0 asks for figures to publish under $SYS, and gets them.
struct MetricsRequest {};
struct MetricsReport {
  std::shared_ptr<const Metrics> metrics;  // large, and rare
};

/// A link of the sending shard has no room, or all its links have some again: see PeerLinks.
struct LinksFull {
  bool full = false;
};

/// A message from one shard to another.
using PeerMessage =
    std::variant<PublishBatch, PeerPublish, GroupDelivery, GroupReturn, GroupJoin, GroupLeave,
                 GroupPresence, Confirmed, MetricsRequest, MetricsReport, LinksFull>;

/// A message that may be dropped, counted, when a mailbox is full: a publish with QoS 0 that
/// changes nothing retained.
[[nodiscard]] bool may_be_dropped(const PeerMessage& message) noexcept;
/// How many messages of clients that is; one for everything but a batch.
[[nodiscard]] std::size_t message_count(const PeerMessage& message) noexcept;

/// A shard's messages to the other shards of the process, gathered during a turn.
///
/// Threads    None; the loop moves the messages into mailboxes at the end of the turn.
class PeerOutbox final {
 public:
  explicit PeerOutbox(std::uint32_t shards) : messages_(shards) {}

  void send(PeerId to, PeerMessage message);
  /// Appends to the batch that stands last for `to`, or to a new one. Requires that a batch takes
  /// the message.
  void publish(PeerId to, const MessageView& message);
  [[nodiscard]] bool empty() const noexcept { return waiting_ == 0; }
  /// The messages for `to`, in order. The draining caller clears them through settled().
  [[nodiscard]] std::vector<PeerMessage>& messages(PeerId to) {
    assert(static_cast<std::uint32_t>(to) < messages_.size());
    return messages_[static_cast<std::uint32_t>(to)];
  }
  /// To be called after draining: counts the messages that are still there.
  void settled() noexcept;

 private:
  std::vector<std::vector<PeerMessage>> messages_;  // by receiver
  std::size_t waiting_ = 0;
};

}  // namespace broker
