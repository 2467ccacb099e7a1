// broker/time_limits.h
#pragma once

#include <cstdint>

#include "broker/client_log.h"
#include "broker/core/connection.h"
#include "broker/core/connection_table.h"
#include "broker/core/limits.h"
#include "broker/core/metrics.h"
#include "broker/core/timer_wheel.h"
#include "broker/disconnects.h"
#include "broker/reading.h"
#include "broker/turn.h"

namespace broker {

/// The time limits of connections: until CONNECT is there, then the keep alive.
///
/// Shape      expect_connect() -> begin_keep_alive(); the timer of the connection calls passed()
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
/// Source     Section 3.1.2.10, and 3.1.4 for CONNECT.
class TimeLimits final {
 public:
  TimeLimits(const Limits& limits, TimerWheel& timers, ConnectionTable& connections,
             Metrics& metrics, Reading& reading, Disconnects& disconnects, ClientLog& log,
             const Turn& turn)
      : limits_(limits),
        timers_(timers),
        connections_(connections),
        metrics_(metrics),
        reading_(reading),
        disconnects_(disconnects),
        log_(log),
        turn_(turn) {}

  /// The connection is new. `deadline` of its CONNECT; 0: Limits::connect_timeout_seconds from now.
  void expect_connect(Connection& connection, Instant deadline);
  /// The client is let in: its keep-alive time begins now, if it has one.
  void begin_keep_alive(Connection& connection);
  /// The timer of the connection has fired: ends the connection if it is late.
  void passed(Connection& connection);
  /// Limits::connect_timeout_seconds became so much longer, or shorter: clients that have not sent
  /// CONNECT get as much time as new ones.
  void move_connect_deadlines(std::int64_t seconds);

 private:
  const Limits& limits_;
  TimerWheel& timers_;
  ConnectionTable& connections_;
  Metrics& metrics_;
  Reading& reading_;
  Disconnects& disconnects_;
  ClientLog& log_;
  const Turn& turn_;
};

}  // namespace broker
