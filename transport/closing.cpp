#include "transport/closing.h"

#include <cassert>
#include <sys/socket.h>

namespace transport {

std::uint16_t websocket_code_of(broker::CloseHow how) noexcept {
  switch (how) {
    case broker::CloseHow::normal:
      return static_cast<std::uint16_t>(WebSocketCode::normal_closure);
    case broker::CloseHow::protocol_error:
      return static_cast<std::uint16_t>(WebSocketCode::protocol_error);
    case broker::CloseHow::policy:
      return static_cast<std::uint16_t>(WebSocketCode::policy_violation);
    case broker::CloseHow::too_big:
      return static_cast<std::uint16_t>(WebSocketCode::message_too_big);
    case broker::CloseHow::server_shutdown:
      break;
  }
  return static_cast<std::uint16_t>(WebSocketCode::going_away);
}

bool Closing::may_end_at_once(const Connection& connection, std::uint32_t turn) noexcept {
  if (connection.websocket != nullptr) {
    return connection.websocket->end() == WebSocketInput::End::closed_by_peer;
  }
  return !is_rejected(connection.state) && connection.how == broker::CloseHow::normal &&
         connection.write_turn != turn;
}

bool Closing::ends_first(const Connection& connection) noexcept {
  return connection.websocket == nullptr || is_rejected(connection.state);
}

void Closing::wait_for_output(Connection& connection, broker::Instant now) {
  assert(is_closing(connection.state));
  push(connection, outputs_, output_milliseconds, now);
}

void Closing::linger(Connection& connection, bool stopping, broker::Instant now) {
  assert(is_closing(connection.state));
  connection.state =
      connection.state == State::rejected ? State::rejected_lingering : State::lingering;
  if (ends_first(connection)) ::shutdown(descriptor_of(connection), SHUT_WR);
  push(connection, ends_, stopping ? last_end_milliseconds : end_milliseconds, now);
}

void Closing::push(Connection& connection, Deadlines& deadlines, std::int64_t milliseconds,
                   broker::Instant now) {
  assert(milliseconds > 0);
  connection.deadline = broker::after_milliseconds(now, milliseconds);
  deadlines.push(connection.id, connection.deadline);
}

}  // namespace transport
