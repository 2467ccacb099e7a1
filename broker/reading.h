// broker/reading.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "broker/core/connection.h"
#include "broker/core/ids.h"
#include "broker/core/limits.h"
#include "broker/core/outbox.h"
#include "broker/core/refusals.h"
#include "broker/core/timer_wheel.h"
#include "broker/pressure.h"

namespace broker {

/// The decision which connections are read, and when a client is late.
///
/// Shape      The loop pauses reading for all connections while it has no room. For one connection
///            reading is paused while
///            - a packet of it takes several turns, or its publish rate is used up: then bytes
///              already read wait too, see input_waits();
///            - too many of its packets are put aside, see Pressure;
///            - it does not read its answers.
/// Invariant  While reading is paused, keep-alive time does not count. A paused connection resumes
///            by a ResumeRequest, once.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Reading final {
 public:
  /// `delay_timer_kind`: the kind of timer that ends a delay, see PublishMeter.
  Reading(const std::vector<ListenerPolicy>& listeners, const Pressure& pressure,
          TimerWheel& timers, Outbox& outbox, std::uint8_t delay_timer_kind)
      : listeners_(listeners),
        pressure_(pressure),
        timers_(timers),
        outbox_(outbox),
        delay_timer_kind_(delay_timer_kind) {}

  // The loop.

  /// Whether the loop reads its sockets at all.
  void set_loop_reads(bool reads, Instant now) noexcept {
    loop_paused_ = !reads;
    if (reads) reading_since_ = now;
  }
  /// To be called at least every 100 ms: a longer gap was a pause of the whole loop, and packets
  /// that clients sent meanwhile are still to be read.
  void tick(Instant now) noexcept {
    if (now > after_seconds(last_tick_, 1)) reading_since_ = now;
    last_tick_ = now;
  }

  // One connection.

  /// Whether bytes read from the connection have to wait, and reading with them.
  [[nodiscard]] static bool input_waits(const Connection& connection) noexcept {
    return is_delayed(connection) || connection.work != nullptr;
  }
  [[nodiscard]] static bool is_delayed(const Connection& connection) noexcept {
    return connection.publishing != nullptr && connection.publishing->delayed;
  }
  [[nodiscard]] bool may_read(const Connection& connection) const noexcept {
    if (input_waits(connection)) return false;
    const bool reads_answers =
        connection.unread_reply_bytes <= unread_reply_bytes_max || connection.queued_bytes == 0;
    return reads_answers && pressure_.has_room_for(connection);
  }
  /// Asks the loop to read the connection again, if reading is paused and may resume.
  void resume(Connection& connection, Instant now);
  /// Whether nothing has come for one and a half times the keep alive [MQTT-3.1.2-22]. If not, the
  /// connection's timer is set for when that may be.
  ///
  /// Requires  The connection has a keep alive.
  [[nodiscard]] bool late(Connection& connection, Instant now);

  // The publish rate of one connection.

  /// Counts a PUBLISH of so many bytes.
  ///
  /// Requires  The rate of the connection's listener is limited.
  /// Returns   The limit that is exceeded, if that ends the connection.
  [[nodiscard]] std::optional<Refusal> meter(Connection& connection, std::size_t bytes,
                                             Instant now);
  /// Delays the connection until there is room for another PUBLISH, if there is none.
  ///
  /// Requires  meter() has counted one.
  /// Returns   Whether the connection is delayed. Its timer calls for end_delay().
  [[nodiscard]] bool delay(Connection& connection, Instant now);
  void end_delay(Connection& connection, Instant now) noexcept;

 private:
  /// Answers that a client does not read: beyond that it is not read either.
  static constexpr std::size_t unread_reply_bytes_max = std::size_t{1} << 20U;

  const std::vector<ListenerPolicy>& listeners_;
  const Pressure& pressure_;
  TimerWheel& timers_;
  Outbox& outbox_;
  std::uint8_t delay_timer_kind_;
  bool loop_paused_ = false;
  Instant reading_since_;  // keep-alive deadlines count from here on
  Instant last_tick_;
};

}  // namespace broker
