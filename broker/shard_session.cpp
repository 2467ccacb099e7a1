#include <algorithm>
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
  if (Session* const session = detach(connection, close, why)) leave_alone(*session, fate);
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
  static_cast<void>(pressure.unpark(connection));
  note_unsent(connection, 0);
  connections[connection.id.slot].reset();
  if (session == nullptr) return nullptr;
  --metrics.clients_connected;
  sender.leave(*session);
  return session;
}

// The session outlives its connection while its expiry interval lasts [MQTT-3.1.2-23]
// [MQTT-4.1.0-1].
void Shard::State::leave_alone(Session& session, WillFate fate) {
  if (fate == WillFate::discard) session.will.reset();  // [MQTT-3.14.4-3]
  if (!session.persistent()) {
    end_session_soon(session);
    return;
  }
  Away& away = away_part(session);
  if (session.expiry_interval_seconds != session_never_expires) {
    timers.arm(away.expiry, after_seconds(turn.now(), session.expiry_interval_seconds));
  }
  ledger.changed(session, Ledger::session_row);
  announce_presence(session);
  if (!session.will || fate == WillFate::keep) return;
  const std::uint32_t delay = session.will->delay_interval_seconds;
  if (delay == 0) {
    publish_will(session);
  } else {
    timers.arm(away.will_delay, after_seconds(turn.now(), delay));
  }
}

// Retained if the client asked for that [MQTT-3.1.2-14] [MQTT-3.1.2-15].
void Shard::State::publish_will(Session& session) {
  if (!session.will) return;
  const Forwards::StoreAndForward scope(forwards, ledger.acknowledges_late(session));
  // Sent once, then removed from the session [MQTT-3.1.2-10].
  const std::unique_ptr<StoredWill> will = std::move(session.will);
  ledger.changed(session, Ledger::session_row);
  MessageView message = will->message->view();
  if (will->has_expiry) {
    message.expires = after_seconds(turn.now(), will->message_expiry_interval_seconds);
  }
  if (may_publish(session, message.topic, Denial::will)) distribution.publish(message, &session);
}

// Messages that a group gets back are stored together with the session's end, so it goes in one
// turn; if they are many, only if no other has used up the steps of this turn.
void Shard::State::end_session_soon(Session& session) {
  constexpr std::size_t few = 64;
  const std::size_t deliveries =
      session.outgoing && session.memberships ? session.outgoing->deliveries() : 0;
  if (deliveries <= few || turn.is_fresh()) return end_session(session);
  session.end = Session::End::due;
  ending.push_back({session.index, session.number});
}

// Retained messages are no part of a session [MQTT3-3.1.2-7].
void Shard::State::end_session(Session& session) {
  // The will of a session that ends is due now, whatever its delay [MQTT-3.1.2-8].
  publish_will(session);
  session.end = Session::End::begun;
  ledger.ended(session);
  turn.spend_or_owe(groups.give_back(session, turn.now()));
  session.expiry_interval_seconds = 0;
  session.away.reset();
  commons.counts.sessions.fetch_sub(1, std::memory_order_relaxed);
  sessions.retire(session);
  SessionWork work{session.index, session.number};
  if (!drop_subscriptions(session, work)) ending.push_back(work);
}

// [MQTT-4.1.0-2]
void Shard::State::expire_session(Session& session) {
  note_expired(session);
  end_session_soon(session);
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
    state.publish_will(*session);
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
    state.leave_alone(*session, kept ? State::WillFate::keep : State::WillFate::publish);
  }
  state.end_due_sessions();
}

void Shard::State::note_expired(const Session& session) {
  log.note(LogType::notice, {"Expiring client ", cut(session.client_id), " due to timeout."});
  ++metrics.clients_expired;
}

bool Shard::State::drop_subscriptions(Session& session, SessionWork& work) {
  if (!subscriptions.end_all(session, work.next)) return false;
  sessions.erase(session);
  return true;
}

void Shard::State::announce_presence(Session& session) {
  if (!session.memberships) return;
  if (session.announcing) {
    session.announce_again = true;
    return;
  }
  session.announcing = true;
  SessionWork work{session.index, session.number};
  if (!announce_presence(session, work)) announcing.push_back(work);
}

bool Shard::State::announce_presence(Session& session, SessionWork& work) {
  do {
    const MembershipList::Number last = session.memberships ? session.memberships->last() : 0;
    for (; work.next <= last; ++work.next) {
      const Membership& membership = session.memberships->at(work.next);
      if (!membership.live) continue;
      if (!turn.take_step()) return false;
      groups.presence(session, membership);
    }
    work.next = 1;
  } while (std::exchange(session.announce_again, false));
  session.announcing = false;
  return true;
}

}  // namespace broker
