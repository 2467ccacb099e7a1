// broker/client/event.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <type_traits>
#include <variant>

#include "broker/core/ids.h"
#include "broker/wire/connack.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/protocol.h"
#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"

namespace client {

using broker::Instant;

/// The caller's name for something it asked for; the client gives it back and makes no use of it.
enum class Token : std::uint64_t {};

/// The argument of Client::acknowledge(). Good for one call; one for QoS 1 is worth nothing
/// after its connection, one for QoS 2 holds on the next connection too, if the session does.
struct Receipt {
  std::uint64_t number = 0;
  mqtt::PacketId packet_id{0};
  mqtt::PacketType answer = mqtt::PacketType::puback;  // or pubrec, or pubcomp
};

/// A connection is wanted now: the caller opens one, and says Client::opened() or closed().
struct Open {};

/// CONNACK accepts the client.
struct Connected {
  const mqtt::Connack* connack;  // Client::terms() has the server's limits too
  /// The server has no session, though the client had state of one: subscriptions are gone, and
  /// publications without an answer are sent again as new ones.
  bool session_lost = false;
};

/// The connection is over. The caller writes the rest of Client::output(), if it can at once,
/// and closes the connection.
struct Disconnected {
  enum class Cause : std::uint8_t {
    asked,               ///< by Client::disconnect()
    closed,              ///< by Client::closed(); also a connection that could not be opened
    refused,             ///< CONNACK says why
    sent_away,           ///< DISCONNECT of the server says why
    fault,               ///< the server broke the protocol; `what` says how
    connack_timeout,     ///< no CONNACK came
    keep_alive_timeout,  ///< no PINGRESP came
  };
  Cause cause = Cause::closed;
  mqtt::Reason reason = mqtt::Reason::success;
  std::string_view what{};              // a static text, for the log
  std::string_view reason_string{};     // of the server
  std::string_view server_reference{};  // of the server: use_another_server, server_moved
  std::optional<Instant> opens{};       // when Open comes next; nothing: it does not
};

/// A message from the server. Its topic is there even if an alias stood for it.
struct Message {
  mqtt::Publish publish;
  Receipt receipt;  // QoS 0: of no use; acknowledged already if Acknowledge::at_once
};

/// PUBREL for a QoS 2 message came: its identifier may be used again once it is acknowledged with
/// PUBCOMP. Given if Acknowledge::by_caller: an identifier on disk has to go there first, or a
/// later message of that identifier would be taken for a repeat.
struct Released {
  Receipt receipt;
};

/// PUBREC came for a QoS 2 message: the server has it. Given if Handshakes::relayed: the caller
/// says Client::release() when the other session has sent PUBREL.
struct Received {
  Token token;
  mqtt::PacketId packet_id;
};

/// A publication is finished: PUBACK, PUBCOMP, or a PUBREC with an error.
struct Acknowledged {
  Token token;
  mqtt::PacketId packet_id;  // 0: finished with the session that the server has lost
  mqtt::Reason reason;       // below 0x80 the server has the message
  std::string_view reason_string;
};

/// A publication that was sent before cannot be sent again: the server that answers now does not
/// take it. Reasons are those of Client::publish(): packet_too_large, qos_not_supported,
/// retain_not_supported.
struct Dropped {
  Token token;
  mqtt::Reason reason;
};

/// SUBACK or UNSUBACK, with a reason for each filter (none in an UNSUBACK before 5.0).
struct Answered {
  Token token;
  const mqtt::SubscribeAnswer* answer;
};

/// AUTH of the server (section 4.12). While its reason is continue_authentication the caller has to
/// answer with Client::authenticate(); success ends a re-authentication.
struct Authentication {
  const mqtt::Auth* auth;
};

/// Client::publish() had no room, and has it now.
struct Room {};

/// Lifetime   Its pointers and views are good until the next call of Client::next() or feed().
using Event = std::variant<Open, Connected, Disconnected, Message, Released, Received, Acknowledged,
                           Dropped, Answered, Authentication, Room>;
// One is returned for each message.
static_assert(std::is_trivially_copyable_v<Event>);

}  // namespace client
