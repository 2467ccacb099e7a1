// broker/client/client.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include "broker/client/event.h"
#include "broker/client/options.h"
#include "broker/client/publication.h"
#include "broker/client/saved_session.h"
#include "broker/wire/bytes.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/protocol.h"
#include "broker/wire/subscribe.h"

namespace client {

/// The limits that a server grants for the length of a connection (section 3.2.2.3).
struct Terms {
  mqtt::Qos maximum_qos = mqtt::Qos::exactly_once;
  bool retain_available = true;
  bool wildcard_subscription_available = true;
  bool subscription_identifiers_available = true;
  bool shared_subscription_available = true;
  std::uint16_t receive_maximum = 65'535;
  std::uint16_t topic_alias_maximum = 0;
  std::uint16_t keep_alive_seconds = 0;  // that holds: the server's, if it names one
  std::uint32_t session_expiry_interval_seconds = 0;
  std::size_t packet_bytes_max = 5 + std::size_t{mqtt::variable_byte_integer_max};
};

/// The outcome of a request. Unless it is accepted, nothing was sent and nothing is kept.
enum class Accepted : std::uint8_t {
  accepted,
  not_connected,
  no_room,               ///< Room says when to try again; for requests: when one was answered
  id_in_use,             ///< the identifier that the caller named
  packet_too_large,      ///< for the server's Maximum Packet Size [MQTT-3.2.2-15]
  qos_not_supported,     ///< above the server's Maximum QoS [MQTT-3.2.2-11]
  retain_not_supported,  ///< [MQTT-3.2.2-14]
};

/// An MQTT client of 3.1, 3.1.1 or 5.0: no I/O, no clock, no threads, no randomness.
///
/// Shape      Bytes and instants go in, bytes come out in output(), events by next():
///
///                start() ──▶ Open ──▶ the caller opens a connection ──▶ opened()
///                                               │ or closed()             │ CONNECT in output()
///                  ▲                            ▼                         ▼
///                  └── a delay ◀── Disconnected ◀── … ◀── Connected ◀── feed(CONNACK)
///
///            After every other call, and at next_wake(), the caller calls next() until it returns
///            nothing, and then writes all of output().
/// Invariant  No call re-enters another, and there is no callback. Publications with QoS 1 and 2
///            are kept until they are acknowledged, and sent again, in order, over as many
///            connections as it takes [MQTT-4.4.0-1] [MQTT-4.6.0-1]. QoS 0 and requests without an
///            answer end with their connection.
/// Lifetime   It owns its state, and no connection. It may live as long as the process.
/// Bounds     Options says for each table and buffer how much it may hold. A server's packet costs
///            no more memory than the bytes of it that have come.
/// Threads    None.
/// Errors     A server that breaks the protocol is disconnected, in 5.0 with the reason
///            (section 4.13). Faults of the caller are asserted.
/// Source     Sections 3 and 4.
class Client {
 public:
  /// Requires  Texts in UTF-8, topics that are topic names; see Options for the rest.
  explicit Client(Options options);
  ~Client();
  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;

  // The connection.

  /// Wants a connection: Open comes next. Nothing if it has one, or waits for one.
  void start(Instant now);
  /// The connection is open. Open need not have been given: a caller with a connection of its own
  /// begins here.
  void opened(Instant now);
  /// The connection has ended, or could not be opened. Nothing if the client knows that it has.
  void closed(Instant now);
  /// Bytes from the server, in order. They stay the caller's, and in place until next() has
  /// returned nothing; then the rest of them is copied.
  ///
  /// Requires  next() has returned nothing since the last call. Nothing happens if there is no
  ///           connection.
  void feed(mqtt::Bytes bytes, Instant now);
  /// The next event; nothing if there is none.
  [[nodiscard]] std::optional<Event> next(Instant now);
  /// When next() is to be called though nothing else happens; nothing: never.
  [[nodiscard]] std::optional<Instant> next_wake() const noexcept;
  /// The bytes to be written. The caller consumes from the front, or swaps the buffer for an empty
  /// one; it is empty when opened() returns, but for CONNECT.
  [[nodiscard]] mqtt::ByteBuffer& output() noexcept;
  /// Copies the rest of the bytes that were fed, for a caller that has to stop calling next()
  /// before it returns nothing. feed() has to wait until it does.
  void keep_input();
  /// Whether the caller should read on. False while the server does not take its answers.
  [[nodiscard]] bool wants_input() const noexcept;
  /// Ends the connection with a DISCONNECT; Disconnected comes next, and no Open until start().
  ///
  /// `packet`: of 5.0; before that it goes without. disconnect_with_will_message makes the server
  /// publish the will. A session expiry interval other than 0 needs one in CONNECT [MQTT-3.1.2-23].
  void disconnect(const mqtt::Disconnect& packet, Instant now);

  // Messages.

  /// Sends a message. QoS 1 and 2: keeps it, and says Acknowledged or Dropped in the end.
  [[nodiscard]] Accepted publish(const Publication& publication, Token token, Instant now);
  /// Whether publish() would have room for a message of that QoS.
  [[nodiscard]] bool has_room(mqtt::Qos qos) const noexcept;
  /// Acknowledges a message or a release, in whatever order; answers leave in the order of the
  /// messages [MQTT-4.6.0-2] [MQTT-4.6.0-3], so one that is not acknowledged keeps back those
  /// after it.
  ///
  /// `reason`: of 5.0. From 0x80 on the message is refused, and its identifier free.
  /// Requires  Acknowledge::by_caller. A receipt that is worth nothing any more does nothing.
  void acknowledge(const Receipt& receipt, mqtt::Reason reason, Instant now);

  /// Sends PUBREL; Acknowledged comes with PUBCOMP. An identifier that is not in flight is one of
  /// an earlier connection. Nothing happens without a connection, nor for a message that the server
  /// does not have yet.
  ///
  /// Requires  Handshakes::relayed.
  void release(mqtt::PacketId packet_id, Token token, Instant now);

  // Requests.

  /// Subscribes; Answered comes, or Disconnected before it.
  ///
  /// `packet`: its identifier is the client's to set.
  /// Requires  As encode(mqtt::Subscribe).
  [[nodiscard]] Accepted subscribe(mqtt::Subscribe packet, Token token, Instant now);
  [[nodiscard]] Accepted unsubscribe(mqtt::Unsubscribe packet, Token token, Instant now);
  /// Goes on with an authentication, or begins one anew (`reason` is re_authenticate) on a
  /// connection that is authenticated [MQTT-4.12.1-1].
  ///
  /// Requires  Options::authentication_method, which the packet names [MQTT-4.12.0-5].
  [[nodiscard]] Accepted authenticate(mqtt::Reason reason, mqtt::Bytes data, Instant now);

  // Its knowledge of the connection.

  [[nodiscard]] bool connected() const noexcept;
  /// The limits of the server; of no use unless connected().
  [[nodiscard]] const Terms& terms() const noexcept;
  /// The client identifier that holds: its own, or the one that the server assigned.
  [[nodiscard]] std::string_view client_id() const noexcept;
  /// Whether the last CONNECT had the bridge's bit. After a refusal of the protocol version none
  /// has it; connections that close without CONNACK are judged by BridgeBit.
  [[nodiscard]] bool says_bridge() const noexcept;
  /// Publications that are not finished.
  [[nodiscard]] std::size_t in_flight() const noexcept;

  // The session.

  [[nodiscard]] SavedSession save(Instant now) const;
  /// Requires  The client has had no connection yet, and no identifier stands twice.
  void restore(const SavedSession& session, Instant now);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace client
