// broker/client/client_state.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/client/aliases.h"
#include "broker/client/backoff.h"
#include "broker/client/bridge_bit.h"
#include "broker/client/client.h"
#include "broker/client/frame_reader.h"
#include "broker/client/keep_alive.h"
#include "broker/client/receive_window.h"
#include "broker/client/requests.h"
#include "broker/client/send_window.h"
#include "broker/wire/ack.h"
#include "broker/wire/connack.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/framer.h"

namespace client {

/// Where a client is.
enum class Phase : std::uint8_t {
  idle,        ///< wants no connection
  waiting,     ///< for the instant of the next attempt
  opening,     ///< Open was given: the caller is at it
  connecting,  ///< CONNECT was sent
  connected,   ///< CONNACK has accepted it
};

/// The inside of a client.
///
/// Shape      The connection stands in client.cpp, messages and requests of the caller in
///            client_send.cpp, packets of the server in client_receive.cpp.
struct Client::State {
  explicit State(Options with)
      : options(std::move(with)),
        client_id(options.client_id),
        backoff(options.reconnect, options.seed),
        bridge_bit(options.bridge && options.version != mqtt::Version::v5_0) {}

  // The connection.

  void write_connect();
  [[nodiscard]] bool starts_clean() const noexcept;
  /// The connection is over: the next event is Disconnected.
  void end(Disconnected why, Instant now);
  /// The server broke the protocol.
  void fail(const mqtt::Failure& failure, Instant now);
  /// Ends waits that have lasted too long, sends PINGREQ, and says whether Open is due.
  bool look_at_time(Instant now);
  void write_disconnect(const mqtt::Disconnect& packet);

  // Output.

  /// Whether the server takes a packet of the bytes since `start`; if not, they are gone.
  bool fits(std::size_t start);
  bool write_publish(const Publication& publication, mqtt::PacketId id, bool dup);
  /// An identifier that no packet in flight has [MQTT-2.2.1-3] [MQTT-2.2.1-4].
  mqtt::PacketId free_id();
  [[nodiscard]] bool id_in_use(mqtt::PacketId id) const {
    return sending.contains(id) || requests.contains(id);
  }
  template <typename Packet>
  Accepted request(Packet& packet, mqtt::PacketType answer, std::size_t filters, Token token,
                   Instant now);
  /// Retransmits while there is room; stops at a packet that cannot be sent.
  std::optional<Event> send_again(Instant now);
  bool send_again(mqtt::PacketId id, SendWindow::Flight& flight, Instant now);
  [[nodiscard]] std::optional<mqtt::Reason> objection_to(mqtt::Qos qos, bool retain) const noexcept;

  // Packets of the server. Nothing: there is nothing to tell the caller. Those of a message write
  // its event where the caller finds it: each copy would cost the message a percent.

  using Told = std::optional<Event>;
  void receive(Told& event, Instant now);
  void on_frame(const mqtt::Frame& frame, Told& event, Instant now);
  std::optional<Event> on_first_frame(const mqtt::Frame& frame, Instant now);
  std::optional<Event> on_connack(const mqtt::Frame& frame, Instant now);
  std::optional<Event> refused(const mqtt::Connack& packet, Instant now);
  void accept_terms(const mqtt::Connack& packet, Instant now);
  void on_publish(const mqtt::Frame& frame, Told& event, Instant now);
  /// Returns whether the topic is known; if not, the client has failed.
  bool resolve_alias(mqtt::Publish& publish, Instant now);
  void on_ack(const mqtt::Frame& frame, Told& event, Instant now);
  void on_pubrec(const mqtt::Ack& packet, SendWindow::Flight* flight, Told& event, Instant now);
  void on_relayed_pubrec(mqtt::PacketId id, SendWindow::Flight& flight, Told& event);
  [[nodiscard]] bool relays() const noexcept { return options.handshakes == Handshakes::relayed; }
  void finished(const mqtt::Ack& packet, const SendWindow::Flight& flight, Told& event);
  void on_pubrel(const mqtt::Ack& packet, Told& event, Instant now);
  std::optional<Event> on_answer(const mqtt::Frame& frame, Instant now);
  std::optional<Event> on_disconnect(const mqtt::Frame& frame, Instant now);
  std::optional<Event> on_auth(const mqtt::Frame& frame, Instant now);

  Options options;
  std::string client_id;
  Phase phase = Phase::idle;
  Terms terms;
  mqtt::ByteBuffer output;
  FrameReader reader;
  KeepAlive keep_alive;
  Backoff backoff;
  OutgoingAliases outgoing_aliases;
  IncomingAliases incoming_aliases;
  SendWindow sending;
  ReceiveWindow receiving;
  Requests requests;
  std::optional<Disconnected> ended;     // to be told
  std::optional<mqtt::Qos> room_wanted;  // publish() had no room for a message of that QoS
  Instant deadline;                      // of CONNACK while connecting; of Open while waiting
  std::uint16_t last_id = 0;
  bool accepted_before = false;  // a server has accepted this client once
  BridgeBit bridge_bit;
  /// The last event points here.
  struct {
    mqtt::Connack connack;
    mqtt::SubscribeAnswer answer;
    mqtt::Auth auth;
    std::string reason_string;  // of `ended`
    std::string server_reference;
  } last;
};

}  // namespace client
