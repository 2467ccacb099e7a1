#include "broker/shard_transfer.h"

#include <cassert>

#include "broker/shard_state.h"

// Sessions that move from shard to shard.

namespace broker {

SessionTransfer Shard::State::transfer() {
  return {tables.options, tables.sessions, tables.timers, tables.ledger, subscriptions, path.turn};
}

std::expected<SessionImage, TransferFault> ShardTransfer::image(std::string_view client_id) const {
  Shard::State& state = inside_.aside();
  const Session* const session = state.tables.sessions.find(client_id);
  if (session == nullptr) return std::unexpected(TransferFault::absent);
  if (!SessionTransfer::is_ready(*session)) return std::unexpected(TransferFault::busy);
  return state.transfer().image_of(*session);
}

std::expected<void, TransferFault> ShardTransfer::adopt(const SessionImage& image,
                                                        ConnectionId connection, Instant now) {
  const Shard::Entry entry = inside_.enter(now);
  Shard::State& state = *entry;
  if (state.tables.sessions.find(image.client_id) != nullptr) {
    return std::unexpected(TransferFault::present);
  }
  if (state.tables.homes.of(image.client_id) != state.tables.options.index) {
    return std::unexpected(TransferFault::elsewhere);
  }
  if (image.listener >= state.tables.options.listeners.size()) {
    return std::unexpected(TransferFault::unknown_listener);
  }
  if (!state.start.count_session(image.listener)) return std::unexpected(TransferFault::full);
  if (!image.connected) {
    state.transfer().put_back(image, nullptr);
    return {};
  }
  Connection& adopted = state.tables.connections.open(connection, connection_timer, now);
  Session& session = state.transfer().put_back(image, &adopted);
  state.start.count_connected(adopted);
  state.path.sender.pump(session, now);
  if (!adopted.tail.empty()) static_cast<void>(state.handle_tail(adopted));
  return {};
}

void ShardTransfer::release(std::string_view client_id, Instant now) {
  const Shard::Entry entry = inside_.enter(now);
  Shard::State& state = *entry;
  Session* const session = state.tables.sessions.find(client_id);
  if (session == nullptr) return;
  assert(SessionTransfer::is_ready(*session));
  session->will.reset();
  state.tables.ledger.ended(*session);
  session->outgoing.reset();
  if (session->connection != nullptr) state.disconnects.detach(*session->connection, std::nullopt);
  state.life.end(*session);
}

}  // namespace broker
