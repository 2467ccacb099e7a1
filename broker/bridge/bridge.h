#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/bridge/address_turn.h"
#include "broker/bridge/held_ids.h"
#include "broker/bridge/introduction.h"
#include "broker/bridge/options.h"
#include "broker/bridge/order.h"
#include "broker/bridge/relay.h"
#include "broker/bridge/topic_map.h"
#include "broker/client/client.h"
#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/wire/bytes.h"

namespace bridge {

/// The counts of a bridge since its start.
struct Figures {
  std::uint64_t connects = 0;  // that the other broker accepted
  MessageFigures messages;
};

/// A bridge to another broker: no I/O, no clock, no threads.
///
/// Shape      A client at both ends. To its own broker it is a client as any other, with a session
///            on its home shard, over a connection within the process; to the other one it is a
///            client over a socket. Each packet of a handshake goes through:
///
///              shard ◀── local bytes ──▶ client::Client │ client::Client ◀── remote bytes ──▶
///              broker
///                                            (local)    │    (remote)
///                                         TopicMap, QoS, retain, hops
///
///            So queues, windows, limits, the slow-consumer policy, rights, persistence and $SYS
///            are those that every session has, and the bridge has none of its own. Bytes, not
///            calls, go to the shard: it needs no door for bridges.
/// Invariant  An acknowledgement is given at one end after it was given at the other: a message
///            that a shard sends is in its store before, and stays until the other broker has it; a
///            message of the other broker is acknowledged when the shard has stored it. Packet
///            identifiers are the same at both ends, and each step of a QoS 2 handshake is taken at
///            one end after the other (client::Handshakes::relayed). So whatever ends in between -
///            either broker, this process, the network - the session that sends goes on with the
///            same identifier, and the one that receives knows it: exactly once, without a table of
///            the bridge's own on disk. Messages keep their order: none is sent again by the
///            bridge. The local connection lives within the remote one: while the other broker is
///            away, the session is one without a client, and its queue is bounded as that of any.
/// Lifetime   From start() on it may live as long as the process. It owns no connection.
/// Bounds     Messages to the other broker wait in remote_output() as they would in the buffer of a
///            socket: the loop reports its size to the shard, which stops at a limit. Messages from
///            the other broker that the shard cannot take yet stay unread, but for one read.
/// Order      start(), then:
///
///              prepare: OpenLocal, SUBSCRIBE, CloseLocal; the will says "0" here
///                   │
///                   ▼          not opened, refused, lost: a delay
///               OpenRemote ◀────────────────────────────────────────────┐
///                   │ remote_opened(), CONNECT, CONNACK                 │
///                   │ (clearing, if only the session there is old)      │
///                   ▼                                                   │
///               SUBSCRIBE there, "1" there, OpenLocal                   │
///                   │ local_opened(), CONNECT, CONNACK                  │
///                   ▼                                                   │
///               SUBSCRIBE here, "1" here: messages cross ── CloseLocal ─┘
///
///            After every call the loop carries out the orders of next() until there is none, then
///            gives local_output() to the shard and writes remote_output().
/// Loop       The loop of the session's home shard keeps the bridge (transport::BridgePort). The
///            connection to the shard has a ConnectionId of the loop's table of connections, and no
///            socket:
///            - local_output() goes to Shard::received(); while that returns false, the rest waits
///              until the outbox asks for it. The outbox's output for the connection comes to
///              local_received() as one run of bytes, splices and all; a close request is
///              local_closed(). CloseLocal is Shard::closed() with ended_here.
///            - Its Origin names a listener policy of its own: 5.0, QoS 2, no mount point, no rate,
///              and open to all, for Mosquitto asks no access list about its bridges.
///            - Shard::writable() hears how many bytes remote_output() and the link hold, so that
///              the shard's policy for slow consumers holds for the other broker.
///            - At the end of the process stop() comes before Shard::publish_wills(), and the link
///              has the time that sockets have.
///            - A lazy bridge hears of its session's queue: messages_wait() when it reaches the
///              threshold.
///            A reload compares options by name: a bridge with the same options is left alone, one
///            with others is stopped and made anew, at once or when its connection ends. Filters
///            that are gone are leftovers of the next one.
/// Threads    None.
/// Errors     Faults of the other broker end the connection to it; log lines say why.
/// Source     mosquitto.conf(5), "Configuring Bridges"; sections 4.1, 4.3 and 4.6.
class Bridge final {
 public:
  /// `log` outlives the bridge.
  Bridge(Options options, broker::Log& log);

  /// Prepares the session, and connects unless the bridge is lazy.
  void start(Instant now);
  /// Ends both connections in order: CloseRemote and CloseLocal come, and no order after them until
  /// start().
  void stop(Instant now);
  /// Messages wait for a lazy bridge: it connects.
  void messages_wait(Instant now);
  /// The first address can be reached: the bridge goes back to it.
  void first_reachable(Instant now);

  // The connection to the other broker.

  void remote_opened(Instant now);
  /// It has ended, or could not be opened: `why` is the end of a sentence.
  void remote_closed(std::string_view why, Instant now);
  /// Bytes in order; they stay the caller's.
  void remote_received(mqtt::Bytes bytes, Instant now);
  [[nodiscard]] mqtt::ByteBuffer& remote_output() noexcept { return remote_.output(); }
  /// Whether the loop should read on.
  [[nodiscard]] bool wants_remote_input() const noexcept { return held_.empty() && !stalled_; }

  // The connection to the shard.

  void local_opened(Instant now);
  /// The shard has ended it.
  void local_closed(Instant now);
  /// The shard's output for the connection, in order.
  void local_received(mqtt::Bytes bytes, Instant now);
  [[nodiscard]] mqtt::ByteBuffer& local_output() noexcept { return local_.output(); }

  /// The next order; nothing if there is none.
  [[nodiscard]] std::optional<Order> next(Instant now);
  /// When next() is to be called though nothing else happens; nothing: never.
  [[nodiscard]] std::optional<Instant> next_wake() const noexcept;

  /// Whether messages cross.
  [[nodiscard]] bool is_connected() const noexcept { return phase_ == Phase::crossing; }
  [[nodiscard]] Figures figures() const noexcept { return {connects_, relay_.figures()}; }
  [[nodiscard]] const Options& options() const noexcept { return options_; }

 private:
  enum class Phase : std::uint8_t {
    stopped,
    preparing,  ///< the session is made, with its subscriptions
    apart,      ///< the remote client waits, opens a connection, or waits for CONNACK
    clearing,   ///< the other broker has accepted, and releases packet identifiers: see HeldIds
    attaching,  ///< the other broker has accepted; the shard not yet
    crossing,
  };
  // bridge.cpp: calls and events.

  void run(Instant now);
  bool pull_remote(Instant now);
  bool pull_local(Instant now);
  /// Whether a message of the other broker would find room in the session.
  [[nodiscard]] bool has_room_here() const noexcept;
  void on_remote(const client::Event& event, Instant now);
  void on_local(const client::Event& event, Instant now);
  void look_at_failure(Instant now);

  // bridge_connections.cpp

  void open_remote();
  void remote_connected(const client::Connected& connected, Instant now);
  /// Whether the other broker may hold identifiers that messages would get.
  [[nodiscard]] bool must_clear(const client::Connected& connected) const noexcept;
  void attach(Instant now);
  void on_remote_while_clearing(const client::Event& event, Instant now);
  void remote_ended(const client::Disconnected& end, Instant now);
  /// Whether the other broker is to be asked again, for less.
  bool adapt(const client::Disconnected& end);
  void local_connected(const client::Connected& connected, Instant now);
  void local_ended(const client::Disconnected& end, Instant now);
  void prepared(Instant now);
  /// Ends the connection to the other broker for a reason of this end, and waits as after a loss.
  void give_up(std::string_view why, Instant now);
  void detach(Instant now);
  void look_at_time(Instant now);
  void say(broker::LogType type, broker::Event event,
           std::initializer_list<std::string_view> pieces) const;

  Options options_;
  broker::Log& log_;
  TopicMap map_;
  client::Client remote_;
  client::Client local_;  // made anew for each connection: its terms are those of the other broker
  Relay relay_;
  Introduction introduction_;
  AddressTurn addresses_;
  HeldIds held_ids_;
  Phase phase_ = Phase::stopped;
  std::vector<Order> orders_;  // in order; those before next_order_ are given
  std::size_t next_order_ = 0;
  mqtt::ByteBuffer held_;     // bytes of the other broker, while stalled_
  mqtt::ByteBuffer fed_;      // bytes that were held, and remote_ reads now
  bool stalled_ = false;      // remote_ has events that have to wait
  bool passed_over_ = false;  // a message came while clearing: it comes again, on a new connection
  bool remote_open_ = false;  // there is a connection to the other broker, or one is asked for
  bool local_open_ = false;   // there is a connection to the shard, or one is asked for
  std::uint64_t connects_ = 0;
};

}  // namespace bridge
