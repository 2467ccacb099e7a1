// broker/core/sender.h
#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include "broker/core/blocked_log.h"
#include "broker/core/connection.h"
#include "broker/core/denial_log.h"
#include "broker/core/drop_log.h"
#include "broker/core/holdings.h"
#include "broker/core/ledger.h"
#include "broker/core/limits.h"
#include "broker/core/log.h"
#include "broker/core/message.h"
#include "broker/core/metrics.h"
#include "broker/core/outbox.h"
#include "broker/core/publication.h"
#include "broker/core/publish_writer.h"
#include "broker/core/send_queues.h"
#include "broker/core/session.h"
#include "broker/wire/ack.h"

namespace broker {

/// Brings messages to sessions: now, within the window, or later, from the backlog.
///
/// Shape      deliver() -> written              while socket and window have room
///                      -> window and backlog   QoS 1 and 2, and QoS 0 for clients that are away
///                      -> unsent               QoS 0 for a socket that is behind
///            A socket gets little more than it takes at once. Everything else waits here, where
///            one message serves all sessions that wait for it. The packets are PublishWriter's,
///            the limits of the queues SendQueues'.
/// Invariant  Every change to a session's deliveries is noted in the ledger. Per session and QoS,
///            messages leave in the order of deliver() [MQTT-4.6.0-5]. The client's Receive
///            Maximum and max_inflight_* hold [MQTT-3.3.4-9]. Expired messages are dropped
///            [MQTT-3.3.2-5]. A message that waited leaves only if the session may read it then;
///            deliver() does not ask.
/// Threads    None.
class Sender {
 public:
  Sender(const Limits& limits, const std::vector<ListenerPolicy>& listeners, Outbox& outbox,
         Ledger& ledger, Holdings& holdings, Metrics& metrics, DropLog& drops, BlockedLog& blocked,
         DenialLog& denials, Log& log);

  void deliver(Session& session, const Terms& terms, Publication& publication);

  /// See SendQueues.
  [[nodiscard]] bool has_room(const Session& session) const { return queues_.has_room(session); }

  /// The QoS of a message for a subscription: the lower of the two [MQTT-3.8.4-8], unless
  /// upgrade_outgoing_qos says the subscription's.
  [[nodiscard]] mqtt::Qos outgoing_qos(mqtt::Qos published, mqtt::Qos subscribed) const noexcept {
    return limits_.upgrade_outgoing_qos ? subscribed : std::min(published, subscribed);
  }

  /// The client is back: messages in flight are sent again, then the backlog.
  void resume(Session& session, Instant now);
  /// Sends as much as window and socket have room for.
  void pump(Session& session, Instant now);
  /// The session has lost its connection, and with it the messages that waited for the socket.
  void leave(Session& session);

  /// PUBACK, PUBREC or PUBCOMP from the client.
  /// Returns   False if it does not belong to the QoS or the state of the message in flight: a
  ///           protocol error. One for a message that is not in flight is none.
  [[nodiscard]] bool acknowledged(Session& session, const mqtt::Ack& ack, Instant now);

  /// Connections to be ended for their full queue, as their listeners want it.
  [[nodiscard]] bool overrun() const noexcept { return queues_.overrun(); }
  [[nodiscard]] std::vector<ConnectionId> take_overrun() { return queues_.take_overrun(); }

  /// See PublishWriter.
  void set_watched(bool watched) noexcept { writer_.set_watched(watched); }
  [[nodiscard]] bool watched() const noexcept { return writer_.watched(); }
  /// A message of another shard is handed out: what follows is told to traces of its topic.
  void trace_arrival(std::string_view topic) const { drops_.tracer().begin_publish(topic); }
  /// While true, QoS 0 that would have to wait is dropped.
  void spare_memory(bool spare) noexcept { spare_memory_ = spare; }

 private:
  void deliver_at_most_once(Session& session, const Terms& terms, Publication& publication);
  void deliver_congested(Session& session, const Terms& terms, Publication& publication);
  void deliver_acknowledged(Session& session, const Terms& terms, Publication& publication);
  [[nodiscard]] bool window_open(const Session& session) const;
  [[nodiscard]] bool socket_full(const Connection& connection) const;
  /// Puts a message into a queue, and tells traces why it waits.
  void wait(Session& session, SendQueue queue, const Terms& terms, Publication& publication,
            const char* why);
  /// Has pump() called when the socket has taken the pending output.
  void await_socket(Connection& connection);

  bool resend_next(Session& session, Instant now);
  bool send_from_backlog(Session& session, Instant now);
  /// The oldest of the backlog has expired, or has QoS 0.
  void drop_or_send_once(Session& session, Instant now);
  /// Sends a delivery without a packet identifier.
  void send_once(Session& session, const Delivery& delivery, Instant now);
  /// Whether the client may read a message that waited for it: rights may have changed meanwhile,
  /// and the user that has the client id. Counts it if not.
  [[nodiscard]] bool may_leave(const Session& session, const Message& message, Instant now);
  /// Ends a delivery that was sent and may not be sent again.
  void withhold(Session& session, mqtt::PacketId id, InFlight& entry);
  /// A delivery is over.
  void finish(Session& session, mqtt::PacketId id);
  [[nodiscard]] SendRule when_safe(const Session& session, mqtt::Qos qos) const;
  void write_pubrel(Session& session, mqtt::PacketId id, mqtt::Reason reason);

  // They return as acknowledged() does.
  [[nodiscard]] bool on_puback(Session& session, const mqtt::Ack& ack);
  [[nodiscard]] bool on_pubrec(Session& session, const mqtt::Ack& ack);
  [[nodiscard]] bool on_pubcomp(Session& session, const mqtt::Ack& ack);

  const Limits& limits_;
  Outbox& outbox_;
  Ledger& ledger_;
  DropLog& drops_;
  BlockedLog& blocked_;
  DenialLog& denials_;
  PublishWriter writer_;
  SendQueues queues_;
  bool spare_memory_ = false;
};

}  // namespace broker
