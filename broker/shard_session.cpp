#include <vector>

#include "broker/shard_state.h"

namespace broker {

bool Shard::publish_wills(std::size_t& next, Instant now) {
  constexpr std::size_t looks_per_turn = 2048;
  constexpr std::size_t looks_per_will = 16;
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  const std::size_t places = state.tables.sessions.places();
  for (std::size_t looks = 0;
       next < places && looks < looks_per_turn && !state.tables.outbox.full(); ++next, ++looks) {
    Session* const session = state.tables.sessions.at_place(next);
    if (session == nullptr || !session->will || state.tables.ledger.keeps(*session)) continue;
    state.life.publish_will(*session);
    looks += looks_per_will;
  }
  return next < places;
}

// All clients are detached first: later publishes are sent to none, but retained and queued.
void Shard::shut_down(Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  std::vector<Session*> left;
  state.tables.connections.for_each([&](Connection& connection) {
    if (connection.session != nullptr) {
      state.path.replies.send_disconnect(connection, mqtt::Reason::server_shutting_down, {});
    }
    Session* const session = state.disconnects.detach(connection, CloseHow::server_shutdown);
    if (session != nullptr) left.push_back(session);
  });
  for (Session* const session : left) {
    const bool kept = state.tables.ledger.keeps(*session);
    state.life.leave_alone(*session, kept ? WillFate::keep : WillFate::publish);
  }
  state.life.end_all_due();
}

}  // namespace broker
