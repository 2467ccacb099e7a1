// broker/session_transfer.h
#pragma once

#include "broker/core/connection.h"
#include "broker/core/ledger.h"
#include "broker/core/session.h"
#include "broker/core/session_table.h"
#include "broker/core/timer_wheel.h"
#include "broker/session_image.h"
#include "broker/subscriptions.h"
#include "broker/turn.h"

namespace broker {

struct ShardOptions;

/// Takes a session out of a shard as a value, and puts it into one.
///
/// Shape      The old shard      image_of()                ... ShardTransfer::release()
///            The new shard                  put_back()
///            Until the last step the old shard can go on as if nothing had been: image_of()
///            changes nothing.
/// Invariant  The client notices nothing. Its packets in flight have the identifiers and the states
///            that they had, so a message with QoS 2 is handed over once on both ways; its promises
///            and topic aliases hold. The publish rate and keep-alive time begin anew.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class SessionTransfer final {
 public:
  SessionTransfer(const ShardOptions& options, SessionTable& sessions, TimerWheel& timers,
                  Ledger& ledger, Subscriptions& subscriptions, const Turn& turn)
      : options_(options),
        sessions_(sessions),
        timers_(timers),
        ledger_(ledger),
        subscriptions_(subscriptions),
        turn_(turn) {}

  /// Whether a session is whole: nothing of it waits for the disk or for a later turn. If not, its
  /// connection should not be read until it is.
  [[nodiscard]] static bool is_ready(const Session& session) noexcept;
  /// Requires  is_ready(), and the output of its connection was drained.
  [[nodiscard]] SessionImage image_of(const Session& session) const;

  /// Makes the session; to the journal it is new.
  ///
  /// Requires  No session has its client id. `connection`, if its client is connected, is new.
  Session& put_back(const SessionImage& image, Connection* connection);

 private:
  void put_back_deliveries(const SessionImage& image, Session& session);
  [[nodiscard]] Delivery delivery_of(const SessionImage::Delivery& image, Session& session) const;

  const ShardOptions& options_;
  SessionTable& sessions_;
  TimerWheel& timers_;
  Ledger& ledger_;
  Subscriptions& subscriptions_;
  const Turn& turn_;
};

}  // namespace broker
