#include "broker/time_limits.h"

#include <cassert>

#include "broker/core/client_text.h"
#include "broker/core/log_fields.h"

namespace broker {
namespace {

constexpr std::int64_t verdict_seconds = 30;  // until it is looked again whether there is one

}  // namespace

void TimeLimits::expect_connect(Connection& connection, Instant deadline) {
  assert(connection.stage == Connection::Stage::expecting_connect);
  timers_.arm(connection.timer, deadline.milliseconds != 0
                                    ? deadline
                                    : after_seconds(turn_.now(), limits_.connect_timeout_seconds));
}

void TimeLimits::begin_keep_alive(Connection& connection) {
  assert(connection.stage == Connection::Stage::connected);
  connection.timer.cancel();
  if (connection.keep_alive_seconds == 0) return;
  timers_.arm(connection.timer,
              after_milliseconds(turn_.now(), connection.keep_alive_seconds * 1500LL));
}

void TimeLimits::passed(Connection& connection) {
  // A client that waits for its CONNACK is not late: the verdict will come, possibly after many
  // others.
  if (connection.stage == Connection::Stage::awaiting_verdict) {
    timers_.arm(connection.timer, after_seconds(turn_.now(), verdict_seconds));
    return;
  }
  if (connection.stage != Connection::Stage::connected) {
    ++metrics_.refused[static_cast<std::size_t>(Refusal::handshake_timeout)];
    log_.note_rarely(
        ClientLog::RareLine::connect_timeout, fields_of(Event::handshake_timeout, connection),
        {"Client connection from ", connection.address, " did not send CONNECT in time."});
    disconnects_.end(connection, WillFate::discard, CloseHow::policy,
                     "CONNECT did not come in time");
    return;
  }
  if (!reading_.late(connection, turn_.now())) return;
  log_.note(LogType::notice,
            fields_of(Event::keep_alive_timeout, connection, mqtt::Reason::keep_alive_timeout),
            {"Client ", describe_client(connection), " has exceeded timeout, disconnecting."});
  disconnects_.dismiss(connection, mqtt::Reason::keep_alive_timeout, "keep alive timeout");
}

void TimeLimits::move_connect_deadlines(std::int64_t seconds) {
  if (seconds == 0) return;
  connections_.for_each([&](Connection& connection) {
    if (connection.stage != Connection::Stage::expecting_connect) return;
    // A client that is being refused has a deadline of its own.
    if (connection.refusal != mqtt::Reason::success) return;
    timers_.arm(connection.timer, after_seconds(connection.timer.deadline(), seconds));
  });
}

}  // namespace broker
