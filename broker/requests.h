// broker/requests.h
#pragma once

#include <cstddef>

#include "broker/core/connection.h"
#include "broker/core/connection_table.h"
#include "broker/core/ids.h"
#include "broker/core/ring.h"
#include "broker/disconnects.h"
#include "broker/forwards.h"
#include "broker/next.h"
#include "broker/pressure.h"
#include "broker/subscriptions.h"
#include "broker/turn.h"
#include "broker/wire/framer.h"

namespace broker {

/// SUBSCRIBE and UNSUBSCRIBE packets of clients, which may take more than one turn.
///
/// Shape      take() -> handled in this turn
///                   -> Next::wait, and a copy of the filters -> do_work() ... do_work()
///            One that waits for other nodes of a cluster rests between two calls of do_work().
/// Invariant  The later packets of the client wait for it, see Reading::input_waits(); packets of
///            other clients do not.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Requests final {
 public:
  Requests(ConnectionTable& connections, Subscriptions& subscriptions, Pressure& pressure,
           Forwards& forwards, Disconnects& disconnects, Turn& turn)
      : connections_(connections),
        subscriptions_(subscriptions),
        pressure_(pressure),
        forwards_(forwards),
        disconnects_(disconnects),
        turn_(turn) {}

  /// Takes a packet that has come, or that was put aside.
  ///
  /// Requires  The connection has a session, and no packet that is being handled.
  Next take(Connection& connection, const mqtt::Frame& frame);
  /// How many packets there is work on.
  [[nodiscard]] std::size_t works() const noexcept { return working_.size(); }
  /// Other nodes know more filters than before: there is work on all packets again.
  void filters_announced();
  /// Goes on with each of them, `slice` steps at most; calls `done(Connection&)` when one is
  /// handled.
  template <typename Done>
  void do_work(std::size_t slice, Done&& done);

 private:
  /// Goes on with `connection.work`.
  Next go_on(Connection& connection);

  ConnectionTable& connections_;
  Subscriptions& subscriptions_;
  Pressure& pressure_;
  Forwards& forwards_;
  Disconnects& disconnects_;
  Turn& turn_;
  Ring<ConnectionId> working_;  // connections with a packet that goes on
  Ring<ConnectionId> waiting_;  // with one that waits for filters_announced()
};

template <typename Done>
void Requests::do_work(std::size_t slice, Done&& done) {
  for (std::size_t count = working_.size(); count > 0 && turn_.has_steps(); --count) {
    Connection* const connection = connections_.find(working_.pop_front());
    if (connection == nullptr || !connection->work) continue;
    forwards_.begin_client_input();
    turn_.slice(slice, [&] {
      if (go_on(*connection) == Next::go_on) done(*connection);
    });
  }
}

}  // namespace broker
