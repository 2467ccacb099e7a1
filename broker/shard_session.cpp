#include <algorithm>
#include <cassert>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/text.h"
#include "broker/shard_state.h"

namespace broker {

// Output written so far goes out, nothing more is written, and the connection closes
// [MQTT-3.14.4-1] [MQTT-3.14.4-2] [MQTT-4.13.2-1].
void Shard::State::end_connection(Connection& connection, WillFate fate,
                                  std::optional<CloseHow> close, std::string_view why) {
  if (Session* const session = detach(connection, close, why)) life.leave_alone(*session, fate);
}

Session* Shard::State::detach(Connection& connection, std::optional<CloseHow> close,
                              std::string_view why) {
  Session* const session = connection.session;
  if (close) outbox.request(CloseRequest{connection.id, *close, std::string(why)});
  if (session != nullptr) {
    // For permissions asked while its client is away, and for the line about a denied will.
    if (session->will || (session->permissions && session->permissions->names_address())) {
      away_part(*session).address = HeapText(connection.address);
    }
    // The connection is gone before anything is published: a will must not be sent to it.
    session->connection = nullptr;
  }
  assert(find(connection.id) == &connection);
  static_cast<void>(pressure.unpark(connection));
  note_unsent(connection, 0);
  connections[connection.id.slot].reset();
  if (session == nullptr) return nullptr;
  --metrics.clients_connected;
  sender.leave(*session);
  return session;
}

bool Shard::publish_wills(std::size_t& next, Instant now) {
  constexpr std::size_t looks_per_turn = 2048;
  constexpr std::size_t looks_per_will = 16;
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  const std::size_t places = state.sessions.places();
  for (std::size_t looks = 0; next < places && looks < looks_per_turn && !state.outbox.full();
       ++next, ++looks) {
    Session* const session = state.sessions.at_place(next);
    if (session == nullptr || !session->will || state.ledger.keeps(*session)) continue;
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
  for (std::size_t slot = 0; slot < state.connections.size(); ++slot) {
    Connection* const connection = state.connections[slot].get();
    if (connection == nullptr) continue;
    if (connection->session != nullptr) {
      state.replies.send_disconnect(*connection, mqtt::Reason::server_shutting_down, {});
    }
    Session* const session = state.detach(*connection, CloseHow::server_shutdown);
    if (session != nullptr) left.push_back(session);
  }
  for (Session* const session : left) {
    const bool kept = state.ledger.keeps(*session);
    state.life.leave_alone(*session, kept ? WillFate::keep : WillFate::publish);
  }
  state.life.end_all_due();
}

}  // namespace broker
