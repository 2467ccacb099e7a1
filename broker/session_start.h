// broker/session_start.h
#pragma once

#include <cstdint>

#include "broker/client_log.h"
#include "broker/core/access.h"
#include "broker/core/connect_rules.h"
#include "broker/core/connection.h"
#include "broker/core/ledger.h"
#include "broker/core/metrics.h"
#include "broker/core/router.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"
#include "broker/disconnects.h"
#include "broker/session_life.h"
#include "broker/shard.h"
#include "broker/time_limits.h"
#include "broker/turn.h"
#include "broker/wire/connect.h"

namespace broker {

/// Brings the client of an accepted CONNECT and its session together.
///
/// Shape      find_or_make() -> attach()
/// Invariant  A client identifier has one session in the process, and a session one connection: an
///            earlier connection of the client is ended first [MQTT-3.1.4-3].
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None; the count of sessions is shared with other threads.
/// Source     Sections 3.1.2.4, 3.1.4 and 4.1.
class SessionStart final {
 public:
  SessionStart(const ShardOptions& options, const ConnectRules& rules, SharedCounts& counts,
               SessionTable& sessions, Router& router, Ledger& ledger, Metrics& metrics,
               SessionLife& life, Disconnects& disconnects, TimeLimits& time_limits, ClientLog& log,
               const Turn& turn);

  /// The client's session, resumed or made afresh.
  ///
  /// Returns   Null if global_max_clients is reached. `present`: whether it was there.
  [[nodiscard]] Session* find_or_make(const Connection& connection, const mqtt::Connect& packet,
                                      bool& present);
  /// The session goes on with the connection, on the terms of the CONNECT: the client is connected.
  ///
  /// Requires  The session has no connection.
  void attach(Connection& connection, Session& session, const mqtt::Connect& packet,
              const Verdict& verdict);

  /// Counts one more session of the process, of a client of that listener. Returns false if there
  /// are global_max_clients.
  [[nodiscard]] bool count_session(std::uint16_t listener);
  /// Counts a client as connected, and its keep-alive time from now on.
  void count_connected(Connection& connection);

 private:
  /// Ends the connection that the client of a session has.
  void take_over(Session& session, const Connection& by);
  void promise(Connection& connection, const mqtt::Connect& packet) const;
  static void store_will(Session& session, const mqtt::Connect& packet);

  const ShardOptions& options_;
  const ConnectRules& rules_;
  SharedCounts& counts_;
  SessionTable& sessions_;
  Router& router_;
  Ledger& ledger_;
  Metrics& metrics_;
  SessionLife& life_;
  Disconnects& disconnects_;
  TimeLimits& time_limits_;
  ClientLog& log_;
  const Turn& turn_;
};

}  // namespace broker
