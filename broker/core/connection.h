// broker/core/connection.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/client_kinds.h"
#include "broker/core/heap_text.h"
#include "broker/core/ids.h"
#include "broker/core/message_rate.h"
#include "broker/core/packet_work.h"
#include "broker/core/publish_meter.h"
#include "broker/core/session.h"
#include "broker/core/timer_wheel.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"
#include "broker/wire/reason.h"

namespace broker {

/// Texts that few connections have.
struct ConnectionTexts {
  HeapText assigned_id;           // while a login is awaited
  HeapText tls_user_name;         // see Origin::user_name
  std::string_view missing_name;  // see Origin::missing_name
  /// Topic aliases, both ways (section 3.3.2.3.4): they die with the connection [MQTT-3.3.2-7].
  std::vector<std::string> incoming_aliases;  // by alias - 1; empty: not set
  std::unordered_map<std::string, std::uint16_t> outgoing_aliases;
};

/// Packets to a connection that wait until the changes they acknowledge are on disk.
struct HeldOutput {
  mqtt::ByteBuffer bytes;
  std::size_t begin = 0;      // bytes before it have been sent
  std::size_t order_end = 0;  // a PUBLISH must not overtake bytes before it
  std::size_t packets = 0;    // ever held since this was last empty
  bool everything = false;    // CONNACK is among them: nothing may overtake
};

/// The limits that CONNACK promised the client, or would have in 5.0 (section 3.2.2.3): they hold
/// until the connection ends, even if the configuration changes.
struct Promises {
  std::uint32_t maximum_packet_size_bytes = 0;
  std::uint16_t receive_maximum = 0;  // 0: no limit
  std::uint16_t topic_alias_maximum = 0;
  mqtt::Qos maximum_qos = mqtt::Qos::exactly_once;
  bool retain_available = true;
};

/// One network connection as the shard sees it: a state machine fed with frames.
///
/// Lifetime   Owned by the shard from opened() until closed, handed off or closed by the shard.
struct Connection {
  enum class Stage : std::uint8_t {
    expecting_connect,  ///< nothing but CONNECT may come [MQTT-3.1.0-1]
    awaiting_verdict,   ///< `tail` holds the CONNECT and the bytes behind it
    connected,
  };

  Connection(ConnectionId connection_id, std::uint8_t timer_kind, Instant now = {})
      : id(connection_id), message_rate(now), timer(timer_kind, this) {}

  // The small members stand together by size, so that none is lost between them: each idle client
  // has a Connection.
  ConnectionId id;
  Session* session = nullptr;
  std::size_t queued_bytes = 0;  // bytes that the socket has not taken, by its last report
  MessageRate message_rate;
  std::uint32_t maximum_packet_size_bytes = 0;  // the client's; 0: no limit
  std::uint32_t login_asked_in = 0;             // the count of reloads when its login was asked for
  std::uint32_t unread_reply_bytes = 0;    // about how much of its answers the client has not read
  std::uint32_t connected_at_seconds = 0;  // an Instant: when it was let in
  Promises promises;
  std::uint16_t listener = 0;
  std::uint16_t client_port = 0;
  std::uint16_t keep_alive_seconds = 0;
  std::uint16_t receive_maximum = 65'535;     // the client's
  std::uint16_t topic_alias_maximum_out = 0;  // how many the broker may set
  Stage stage = Stage::expecting_connect;
  ClientTransport transport = ClientTransport::tcp;
  mqtt::Version version = mqtt::Version::v3_1_1;
  mqtt::Reason refusal = mqtt::Reason::success;  // see Origin::refusal
  bool request_problem_information = true;
  /// The socket is behind, or something waits for it: QoS 0 may have to wait too.
  bool congested = false;
  bool overrun = false;         // its queue was full, and its listener wants it ended for that
  bool reading_paused = false;  // the loop was told not to read: see Shard::received()
  std::string address;
  Timer timer;  // connect time-out, then keep alive
  Instant last_received;
  mqtt::ByteBuffer tail;                        // an incomplete packet
  std::unique_ptr<ConnectionTexts> some_texts;  // null: none
  std::unique_ptr<HeldOutput> held;             // null: nothing waits
  std::unique_ptr<mqtt::ByteBuffer> parked;     // whole packets that are handled later; null: none
  std::unique_ptr<PacketWork> work;             // a packet that takes several turns; null: none
  std::unique_ptr<PublishMeter> publishing;     // null: nothing was counted yet

  /// The texts that few have, to be set.
  [[nodiscard]] ConnectionTexts& texts() {
    if (!some_texts) some_texts = std::make_unique<ConnectionTexts>();
    return *some_texts;
  }
  [[nodiscard]] std::string_view assigned_id() const noexcept {
    return some_texts ? some_texts->assigned_id.view() : std::string_view();
  }
  [[nodiscard]] std::string_view tls_user_name() const noexcept {
    return some_texts ? some_texts->tls_user_name.view() : std::string_view();
  }
  [[nodiscard]] std::string_view missing_name() const noexcept {
    return some_texts ? some_texts->missing_name : std::string_view();
  }
};

/// The identity that a session's permissions are asked about.
[[nodiscard]] inline Identity identity_of(const Session& session) noexcept {
  if (session.connection != nullptr) return {session.client_id, session.connection->address};
  if (session.away) return {session.client_id, session.away->address.view()};
  return {session.client_id};
}

}  // namespace broker
