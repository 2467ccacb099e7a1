// broker/connects.h
#pragma once

#include <cstdint>
#include <string>

#include "broker/client_log.h"
#include "broker/commits.h"
#include "broker/core/access.h"
#include "broker/core/client_ids.h"
#include "broker/core/connect_rules.h"
#include "broker/core/connection.h"
#include "broker/core/connection_table.h"
#include "broker/core/homes.h"
#include "broker/core/ids.h"
#include "broker/core/metrics.h"
#include "broker/core/outbox.h"
#include "broker/core/sender.h"
#include "broker/core/session_table.h"
#include "broker/disconnects.h"
#include "broker/logins.h"
#include "broker/next.h"
#include "broker/pressure.h"
#include "broker/replies.h"
#include "broker/session_life.h"
#include "broker/session_start.h"
#include "broker/shard.h"
#include "broker/turn.h"
#include "broker/wire/bytes.h"
#include "broker/wire/connect.h"
#include "broker/wire/framer.h"
#include "broker/wire/protocol.h"

namespace broker {

/// CONNECT packets, until their clients are connected or turned away.
///
/// Shape      take() -> refused: CONNACK where one is due, and the connection ends
///                   -> at home on another shard: the connection moves there, and CONNECT with it
///                   -> Logins ... decided() -+
///                   -> open to all ----------+-> SessionStart, CONNACK, messages that waited
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
/// Source     Sections 3.1, 3.2 and 4.13.
class Connects final {
 public:
  Connects(const ShardOptions& options, const Homes& homes, const ConnectRules& rules,
           const Commits& commits, ConnectionTable& connections, SessionTable& sessions,
           Outbox& outbox, Metrics& metrics, Sender& sender, Pressure& pressure, SessionLife& life,
           SessionStart& start, Disconnects& disconnects, Replies& replies, ClientLog& log,
           const Turn& turn);

  /// Takes a CONNECT, the first packet of its connection. `unread`: it and the bytes behind it.
  Next take(Connection& connection, const mqtt::Frame& frame, mqtt::Bytes unread);

  /// The outcome of a verdict.
  enum class Decided : std::uint8_t {
    asked_again,  ///< the verdict counts for nothing
    refused,      ///< the connection is gone
    accepted,     ///< its tail begins with the bytes behind CONNECT
  };
  /// Takes the verdict on a login.
  ///
  /// Requires  The connection awaits one.
  [[nodiscard]] Decided decided(Connection& connection, const Verdict& verdict);
  /// Users, rules or listeners were replaced: verdicts that were asked for until now are outdated.
  void outdate_logins() noexcept { logins_.outdate(); }

 private:
  [[nodiscard]] const ListenerPolicy& policy(const Connection& connection) const {
    return options_.listeners[connection.listener];
  }
  Next refuse_undecoded(Connection& connection, const mqtt::Frame& frame,
                        const mqtt::Failure& failure);
  /// Refuses a will to $CONTROL. Returns whether it did.
  bool refuse_control_will(Connection& connection, const mqtt::Connect& packet);
  /// "ID [ADDRESS:PORT] with user 'USER'" of a client that is not admitted yet.
  [[nodiscard]] std::string applicant_text(const Connection& connection,
                                           const mqtt::Connect& packet) const;
  /// Refuses a CONNECT that was understood, and says so in a line that names the client.
  Next refuse(Connection& connection, const mqtt::Connect& packet, const mqtt::Failure& failure);
  void note_refused_login(const Connection& connection, const mqtt::Connect& packet,
                          const Verdict& verdict);
  /// Answers where an answer is due, and closes.
  Next turn_away(Connection& connection, mqtt::Version version, const mqtt::Failure& failure);
  Next hand_off(Connection& connection, ShardIndex home, mqtt::Bytes unread);
  Next accept(Connection& connection, const mqtt::Connect& packet, const Verdict& verdict);

  const ShardOptions& options_;
  const Homes& homes_;
  const ConnectRules& rules_;
  const Commits& commits_;
  ConnectionTable& connections_;
  SessionTable& sessions_;
  Outbox& outbox_;
  Metrics& metrics_;
  Sender& sender_;
  Pressure& pressure_;
  SessionLife& life_;
  SessionStart& start_;
  Disconnects& disconnects_;
  Replies& replies_;
  ClientLog& log_;
  const Turn& turn_;
  Logins logins_;
  ClientIds ids_;
};

}  // namespace broker
