#pragma once

#include <cstdint>

#include "broker/core/ids.h"
#include "broker/core/outbox.h"
#include "transport/connection.h"
#include "transport/deadlines.h"

namespace transport {

/// The code of a WebSocket Close for the end that a shard asks for (RFC 6455, section 7.4.1).
[[nodiscard]] std::uint16_t websocket_code_of(broker::CloseHow how) noexcept;

/// Connections that end: they wait for their output to leave, then for the client's end.
///
/// Shape      wait_for_output() as often as a write falls short -> linger() -> destroyed by its
///            owner. expire() names those that took too long.
/// Threads    Its loop's only.
class Closing {
 public:
  static constexpr std::int64_t output_milliseconds = 10'000;  // for a client that reads slowly
  static constexpr std::int64_t end_milliseconds = 2000;       // for the client's end
  static constexpr std::int64_t last_end_milliseconds = 500;   // the same when the broker stops

  /// Whether nothing can be lost if the connection closes without waiting for the client's end:
  /// the broker said nothing in this turn, or the client has ended its WebSocket.
  [[nodiscard]] static bool may_end_at_once(const Connection& connection,
                                            std::uint32_t turn) noexcept;
  /// Whether the broker ends its half before the client does. On a WebSocket the client answers
  /// the Close first (RFC 6455, section 7.1.1), and TLS ends behind it.
  [[nodiscard]] static bool ends_first(const Connection& connection) noexcept;

  /// The output of a connection that is closing is with libuv.
  void wait_for_output(Connection& connection, broker::Instant now);
  /// Everything is said: waits for the client's end. Closing at once would make the kernel discard
  /// output that the client has not read, if input is left that the broker has not read.
  void linger(Connection& connection, bool stopping, broker::Instant now);

  /// Calls `visit` with the id of each connection that may be due; the deadline of the connection
  /// itself decides.
  template <typename Visit>
  void expire(broker::Instant now, Visit&& visit) {
    while (const auto id = outputs_.pop(now)) visit(*id);
    while (const auto id = ends_.pop(now)) visit(*id);
  }

 private:
  static void push(Connection& connection, Deadlines& deadlines, std::int64_t milliseconds,
                   broker::Instant now);

  Deadlines outputs_;
  Deadlines ends_;
};

}  // namespace transport
