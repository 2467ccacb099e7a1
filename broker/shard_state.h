// broker/shard_state.h
#pragma once

#include <cassert>
#include <memory>

#include "broker/connects.h"
#include "broker/core/connect_rules.h"
#include "broker/core/connection.h"
#include "broker/core/timer_wheel.h"
#include "broker/delivery_path.h"
#include "broker/disconnects.h"
#include "broker/dismissals.h"
#include "broker/figures.h"
#include "broker/input.h"
#include "broker/next.h"
#include "broker/peer_input.h"
#include "broker/publishes.h"
#include "broker/reading.h"
#include "broker/renewal_walk.h"
#include "broker/requests.h"
#include "broker/restorer.h"
#include "broker/session_life.h"
#include "broker/session_start.h"
#include "broker/session_transfer.h"
#include "broker/shard.h"
#include "broker/subscriptions.h"
#include "broker/tables.h"
#include "broker/time_limits.h"
#include "broker/timer_kind.h"
#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"

namespace broker {

/// The inside of a Shard: the parts it owns, and the effects of each packet on them.
///
/// Shape      One method per event that is no part's own, in one file per kind: shard.cpp (public
///            calls, packets), shard_state.cpp (which part is given which others; timers),
///            shard_work.cpp (work of several turns), shard_session.cpp
///            (the end of the process), shard_journal.cpp (the store), shard_transfer.cpp (sessions
///            that move), shard_links.cpp (peers that are no shards), shard_reload.cpp (changes by
///            a reload), shard_admin.cpp (an administrator's questions and orders),
///            shard_renewal.cpp (all stored rows, once more).
/// Invariant  A handler that returns Next::stop has ended the connection it was called for: it must
///            not be used afterwards.
/// Threads    None.
struct Shard::State {
  State(const ShardOptions& shard_options, Commons& process, Log& log_sink);

  /// The first part of each event. A client causes the event, unless it says otherwise.
  void enter(Instant time) {
    path.turn.enter(time);
    path.log.enter();
    path.sender.set_watched(path.log.watches());
    path.forwards.begin_client_input();
  }
  /// The last part of each event: packets that may continue, and connections that have to end.
  void leave() {
    if (path.pressure.has_parked()) handle_parked();
    if (path.sender.overrun()) disconnects.end_overrun();
  }

  // shard.cpp

  /// Gives packets to handle().
  [[nodiscard]] auto handler() {
    return [this](Connection& connection, const mqtt::Frame& frame, mqtt::Bytes unread) {
      return handle(connection, frame, unread);
    };
  }
  /// See Input.
  Next handle_tail(Connection& connection);
  void resume(Connection& connection);
  void handle_parked();
  Next handle(Connection& connection, const mqtt::Frame& frame, mqtt::Bytes unread);
  Next handle_connected(Connection& connection, const mqtt::Frame& frame);
  Next on_ack(Connection& connection, const mqtt::Frame& frame);
  /// SUBSCRIBE or UNSUBSCRIBE.
  Next on_request(Connection& connection, const mqtt::Frame& frame);
  Next on_pingreq(Connection& connection, const mqtt::Frame& frame);
  Next on_disconnect(Connection& connection, const mqtt::Frame& frame);
  Next on_auth(Connection& connection, const mqtt::Frame& frame);

  // shard_state.cpp

  /// Fires timers that are due, as many as one turn may. Returns whether there may be more.
  bool fire_due();
  void fire(Timer& timer);
  /// The delay is over: bytes read from the connection are handled, and reading resumes.
  void end_delay(Connection& connection);

  // shard_work.cpp: work that continues in the next turn.

  [[nodiscard]] bool has_work() const noexcept { return requests.works() + life.works() > 0; }
  void do_work();

  // shard_transfer.cpp
  [[nodiscard]] SessionTransfer transfer();

  // shard_journal.cpp
  /// The restorer, made if it is not there: start-up has begun.
  [[nodiscard]] Restorer& restoring();

  Tables tables;
  DeliveryPath path;
  Subscriptions subscriptions;
  SessionLife life;
  Disconnects disconnects;
  Reading reading;
  Publishes publishes;
  TimeLimits time_limits;
  ConnectRules connect_rules;
  SessionStart start;
  Connects connects;
  Input input;
  Requests requests;
  Dismissals dismissals;
  Figures figures;
  PeerInput peer_input;
  bool entered = false;  // an Entry lives
  Instant next_trim;
  std::unique_ptr<Restorer> restorer;    // null once start-up is over
  std::unique_ptr<RenewalWalk> renewal;  // null: the store is not written anew
};

/// One event: a call of the loop, from State::enter() to State::leave().
///
/// Invariant  One at a time: no event begins inside of another.
class Shard::Entry {
 public:
  Entry(State& state, Instant now) : state_(state) {
    assert(!state.entered);
    state.entered = true;
    state.enter(now);
  }
  ~Entry() {
    state_.leave();
    state_.entered = false;
  }
  Entry(const Entry&) = delete;
  Entry& operator=(const Entry&) = delete;

  [[nodiscard]] State& operator*() const noexcept { return state_; }

 private:
  State& state_;
};

}  // namespace broker
