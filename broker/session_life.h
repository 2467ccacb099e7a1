// broker/session_life.h
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/client_log.h"
#include "broker/core/ledger.h"
#include "broker/core/membership_list.h"
#include "broker/core/metrics.h"
#include "broker/core/ring.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"
#include "broker/core/timer_wheel.h"
#include "broker/distribution.h"
#include "broker/forwards.h"
#include "broker/shared_subscriptions.h"
#include "broker/subscriptions.h"
#include "broker/turn.h"

namespace broker {

struct SharedCounts;

/// The fate of a will when the connection of its client ends.
enum class WillFate : std::uint8_t {
  publish,
  discard,
  keep,  ///< it stays with its session, in the store
};

/// The life of sessions without their connections: wills, expiry, and their ends.
///
/// Shape      connection ends -> leave_alone() -> away, with the timers of expiry and will
///                                             -> end_soon() -> end() -> gone
///            The end of a large session takes several turns, and so does telling many groups
///            whether a client is connected: do_work() goes on with the rest of its lists.
/// Invariant  A session that has ended is found by no client id. Its will is published once.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
/// Source     Sections 3.1.2.5, 3.1.2.11.2 and 4.1.
class SessionLife final {
 public:
  SessionLife(TimerWheel& timers, SessionTable& sessions, SharedCounts& counts, Ledger& ledger,
              Forwards& forwards, SharedSubscriptions& groups, Subscriptions& subscriptions,
              Distribution& distribution, Metrics& metrics, Turn& turn, ClientLog& log);

  /// The session has no connection any more: it waits for its client, or ends.
  void leave_alone(Session& session, WillFate fate);
  /// Publishes the will now, if there is one.
  void publish_will(Session& session);
  /// The session expiry interval is over.
  void expire(Session& session);
  void note_expired(const Session& session);
  /// Ends a session, in this turn or in a later one.
  void end_soon(Session& session);
  /// Ends a session for its client: it may still stand in the table afterwards, but not under its
  /// client id. The rest may take several turns.
  void end(Session& session);
  /// Tells its groups whether the client of a session is connected.
  void announce_presence(Session& session);

  // Work that continues in the next turn.

  /// How many sessions there is work on.
  [[nodiscard]] std::size_t works() const noexcept { return ending_.size() + announcing_.size(); }
  /// Goes on with each of them, `slice` steps at most.
  void do_work(std::size_t slice);
  /// Before the end of the process: ends due sessions without delay.
  void end_all_due();

 private:
  struct Work {
    SessionIndex index{0};
    std::uint64_t number = 0;
    MembershipList::Number next = 1;  // of its memberships
  };

  /// The last part of a session's end. Returns false if steps are lacking, else the session is
  /// gone.
  bool drop_subscriptions(Session& session, Work& work);
  /// Returns   False if steps are lacking.
  bool announce_presence(Session& session, Work& work);
  /// Goes on with each session of a list; `step` returns whether that one is done.
  template <typename Step>
  void go_through(Ring<Work>& all, std::size_t slice, Step&& step);

  TimerWheel& timers_;
  SessionTable& sessions_;
  SharedCounts& counts_;
  Ledger& ledger_;
  Forwards& forwards_;
  SharedSubscriptions& groups_;
  Subscriptions& subscriptions_;
  Distribution& distribution_;
  Metrics& metrics_;
  Turn& turn_;
  ClientLog& log_;
  Ring<Work> ending_;      // sessions that are due to end, or are ending
  Ring<Work> announcing_;  // sessions that groups are to be told of
};

}  // namespace broker
