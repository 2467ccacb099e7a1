// broker/core/sender.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>
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
#include "broker/core/session.h"
#include "broker/wire/ack.h"
#include "broker/wire/publish.h"

namespace broker {

/// A message while it is being handed out: what is made for one receiver serves the next.
///
/// Lifetime   One turn; `view` outlives it.
struct Publication {
  Publication(const MessageView& message, Instant time, std::size_t receiver_count)
      : view(message), now(time), receivers(receiver_count) {}

  /// What holds the payload until it is written: nothing if it may be borrowed.
  const MessageRef& keeper() {
    if (!kept && !lendable) keep();
    return kept;
  }

  /// The message as something that can be kept: copied when first asked for.
  const MessageRef& keep() {
    if (kept) return kept;
    kept = shared != nullptr ? MessageRef::adopt(*shared) : MessageRef::copy_of(view, marked);
    return kept;
  }

  /// What memory that takes in this shard, at most: the copy, and a delivery for each receiver.
  [[nodiscard]] std::size_t kept_bytes() const noexcept {
    if (!kept) return 0;
    return sizeof(Message) + receivers * sizeof(Delivery) +
           (shared != nullptr ? 0 : kept->size_bytes());
  }

  MessageView view;
  Instant now;
  std::size_t receivers;
  MessageRef kept;
  const SharedMessage* shared = nullptr;  // the same bytes, if other shards get them too
  bool marked = false;                    // a journal is kept: see StoreMark
  bool lendable = false;  // `view` stands in bytes being received: see Outbox::borrows()

  /// Where the packet of one kind of receiver (version, QoS, retain flag) was encoded first.
  /// Without an output the rest is not set: to clear it for every message would show.
  struct Encoded {
    Output* output = nullptr;
    std::size_t offset;
    std::size_t size_bytes;
    std::size_t packet_id_offset;  // 0: it has none
    bool spliced;
  };
  std::array<Encoded, 12> encoded;
};

/// How one message goes to one session.
struct Terms {
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::uint32_t membership = 0;
  std::span<const std::uint32_t> subscription_identifiers;
  bool queue_always = false;  // retained messages for a new subscription: see has_room()
};

/// Brings messages to sessions: now, within the window, or later, from the backlog.
///
/// Shape      deliver() -> written              while socket and window have room
///                      -> window and backlog   QoS 1 and 2, and QoS 0 for who is away
///                      -> unsent               QoS 0 for a socket that is behind
///            What a socket is behind with stays so little that nobody minds; all else waits here,
///            where messages are shared by all who wait for them.
/// Invariant  Every change to a session's deliveries is noted in the ledger. Per session and QoS,
///            messages leave in the order of deliver() [MQTT-4.6.0-5]. The client's Receive
///            Maximum and max_inflight_* hold [MQTT-3.3.4-9], and max_queued_* for what waits, of
///            QoS 1 and 2 and of QoS 0 separately; what gives way is the listener's choice. What
///            exceeds the client's Maximum Packet Size is dropped as if it had been sent
///            [MQTT-3.1.2-25]; what expired is dropped [MQTT-3.3.2-5]. Each drop is counted.
///            What waited leaves only if the session may read it then; deliver() does not ask.
/// Threads    None.
class Sender {
 public:
  /// Payloads from here on are written from where they stand, not copied per receiver.
  static constexpr std::size_t splice_bytes_min = 4096;

  Sender(const Limits& limits, const std::vector<ListenerPolicy>& listeners, Outbox& outbox,
         Ledger& ledger, Holdings& holdings, Metrics& metrics, DropLog& drops, BlockedLog& blocked,
         DenialLog& denials, Log& log);

  void deliver(Session& session, const Terms& terms, Publication& publication);

  /// Whether no queue of the session is full. Retained messages for a new subscription are queued
  /// however many they are, but not on top of a full queue.
  [[nodiscard]] bool has_room(const Session& session) const;

  /// The client is back: what was in flight is sent again, then the backlog.
  void resume(Session& session, Instant now);
  /// Sends what window and socket have room for.
  void pump(Session& session, Instant now);
  /// The session has lost its connection, and what waited for the socket with it.
  void leave(Session& session);

  /// PUBACK, PUBREC or PUBCOMP from the client.
  /// Returns   False if it does not belong to the QoS or the state of the message in flight: a
  ///           protocol error. One for a message that is not in flight is none.
  [[nodiscard]] bool acknowledged(Session& session, const mqtt::Ack& ack, Instant now);

  /// Connections to be ended for their full queue, as their listeners want it.
  [[nodiscard]] bool overrun() const noexcept { return !overrun_.empty(); }
  [[nodiscard]] std::vector<ConnectionId> take_overrun() { return std::exchange(overrun_, {}); }

  /// A read of Log::enabled(debug), once per turn.
  void set_debug(bool debug) noexcept { debug_ = debug; }
  /// While true, QoS 0 that would have to wait is dropped.
  void spare_memory(bool spare) noexcept { spare_memory_ = spare; }

 private:
  enum class Written : std::uint8_t { sent, dropped };
  /// The two places where messages wait.
  enum class Line : std::uint8_t { backlog, unsent };

  void deliver_at_most_once(Session& session, const Terms& terms, Publication& publication);
  void deliver_congested(Session& session, const Terms& terms, Publication& publication);
  void deliver_acknowledged(Session& session, const Terms& terms, Publication& publication);
  void queue(Session& session, Line line, const Terms& terms, Publication& publication);
  /// Lets others give way to a message, as the listener wants it. Returns whether it may wait.
  bool make_room(Session& session, Line line, const Message& message);
  [[nodiscard]] std::uint64_t bytes_max_of(Line line) const;
  /// Whether the queue takes one more message, however large that is.
  [[nodiscard]] bool is_below_limits(const Session& session, Line line) const;
  void give_way(Session& session, Line line, std::uint64_t number, DropReason reason);
  void drop(Session& session, DropReason reason);
  [[nodiscard]] bool window_open(const Session& session) const;
  [[nodiscard]] bool socket_full(const Connection& connection) const;
  /// pump() is to be called when the socket has taken what is pending.
  void await_socket(Connection& connection);

  bool resend_next(Session& session, Instant now);
  bool send_from_backlog(Session& session, Instant now);
  /// The oldest of the backlog has expired, or has QoS 0.
  void drop_or_send_once(Session& session, Instant now);
  /// Sends what has no packet identifier.
  void send_once(Session& session, const Delivery& delivery, Instant now);
  /// Whether the client may read a message that waited for it: rights may have changed meanwhile,
  /// and the user that has the client id. Counts it if not.
  [[nodiscard]] bool may_leave(const Session& session, const Message& message, Instant now);
  /// Ends a delivery that was sent and may not be sent again.
  void withhold(Session& session, mqtt::PacketId id, InFlight& entry);
  /// A delivery is over.
  void finish(Session& session, mqtt::PacketId id);
  [[nodiscard]] When when_safe(const Session& session, mqtt::Qos qos) const;
  Written write(Connection& connection, const MessageView& message, const Terms& terms,
                mqtt::PacketId id, bool dup, Publication* publication, const MessageRef* kept,
                Instant now);
  void write_copy(Connection& connection, Publication::Encoded& first, mqtt::PacketId id,
                  Publication& publication);
  std::uint16_t alias_for(Connection& connection, std::string_view topic, bool& known);
  void write_ack(Session& session, mqtt::PacketType type, mqtt::PacketId id, mqtt::Reason reason);
  void count_sent(std::size_t packet_bytes, std::size_t payload_bytes);
  void note_sent(const Session& session, const MessageView& message, const Terms& terms,
                 mqtt::PacketId id, bool dup) const;

  // They return as acknowledged() does.
  [[nodiscard]] bool on_puback(Session& session, const mqtt::Ack& ack);
  [[nodiscard]] bool on_pubrec(Session& session, const mqtt::Ack& ack);
  [[nodiscard]] bool on_pubcomp(Session& session, const mqtt::Ack& ack);

  const Limits& limits_;
  const std::vector<ListenerPolicy>& listeners_;
  Outbox& outbox_;
  Ledger& ledger_;
  Holdings& holdings_;
  Metrics& metrics_;
  DropLog& drops_;
  BlockedLog& blocked_;
  DenialLog& denials_;
  Log& log_;
  bool debug_ = false;
  bool spare_memory_ = false;
  std::vector<ConnectionId> overrun_;
};

}  // namespace broker
