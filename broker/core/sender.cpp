#include "broker/core/sender.h"

#include <algorithm>
#include <cassert>

namespace broker {
namespace {

/// The most output that a socket may be behind with; further messages wait in the session.
constexpr std::size_t behind_bytes_max = 131'072;
/// The same while it may well take all of it.
constexpr std::size_t pending_bytes_max = 1'048'576;

/// The message that an acknowledgement names, or null. QoS 0 that came back with a session has a
/// place among them, and no identifier.
InFlight* find_in_flight(const Session& session, mqtt::PacketId id) {
  InFlight* const entry = session.outgoing ? session.outgoing->window().find(id) : nullptr;
  return entry == nullptr || entry->delivery.qos == mqtt::Qos::at_most_once ? nullptr : entry;
}

}  // namespace

Sender::Sender(const Limits& limits, const std::vector<ListenerPolicy>& listeners, Outbox& outbox,
               Ledger& ledger, Holdings& holdings, Metrics& metrics, DropLog& drops,
               BlockedLog& blocked, DenialLog& denials, Log& log)
    : limits_(limits),
      outbox_(outbox),
      ledger_(ledger),
      drops_(drops),
      blocked_(blocked),
      denials_(denials),
      writer_(outbox, holdings, metrics, drops, log),
      queues_(limits, listeners, ledger, drops) {}

void Sender::deliver(Session& session, const Terms& terms, Publication& publication) {
  if (terms.qos == mqtt::Qos::at_most_once) {
    deliver_at_most_once(session, terms, publication);
  } else {
    deliver_acknowledged(session, terms, publication);
  }
}

void Sender::deliver_at_most_once(Session& session, const Terms& terms, Publication& publication) {
  Connection* const connection = session.connection;
  if (connection == nullptr) {
    if (!limits_.queue_qos0_messages || !session.persistent()) return;
    if (spare_memory_) return drops_.count(session, DropReason::memory_limit);
    return wait(session, SendQueue::backlog, terms, publication, "its client is away");
  }
  if (connection->congested || terms.queue_always) {
    return deliver_congested(session, terms, publication);
  }
  writer_.write(*connection, terms, {}, publication);
}

// Waiting messages go first: the order of one topic must hold [MQTT-4.6.0-5].
void Sender::deliver_congested(Session& session, const Terms& terms, Publication& publication) {
  Connection& connection = *session.connection;
  const bool others_wait =
      session.outgoing != nullptr &&
      (session.outgoing->unsent_size() > 0 || session.outgoing->backlog().at_most_once() > 0);
  const bool full = socket_full(connection);
  if (!others_wait && !full) {
    writer_.write(connection, terms, {}, publication);
    return;
  }
  if (full) await_socket(connection);
  if (spare_memory_) return drops_.count(session, DropReason::memory_limit);
  wait(session, SendQueue::unsent, terms, publication,
       full ? "the socket is behind" : "others wait before it");
}

void Sender::deliver_acknowledged(Session& session, const Terms& terms, Publication& publication) {
  Connection* const connection = session.connection;
  Outgoing& outgoing = session.outgoing_part();
  const MessageRef& kept = publication.keep();
  if (connection == nullptr) {
    if (!session.persistent()) return;
    return wait(session, SendQueue::backlog, terms, publication, "its client is away");
  }
  const bool full = (connection->congested || terms.queue_always) && socket_full(*connection);
  if (full) await_socket(*connection);
  if (full || outgoing.backlog_size() > 0 || outgoing.window().resending() ||
      !outgoing.window_has_room() || !window_open(session)) {
    if (!full) blocked_.note(session, publication.now);
    return wait(session, SendQueue::backlog, terms, publication,
                full ? "the socket is behind" : "its window is full");
  }
  const mqtt::PacketId id =
      outgoing.put_in_flight({kept, IdentifierList(terms.subscription_identifiers),
                              terms.membership, terms.qos, terms.retain});
  ledger_.changed(session, Ledger::session_deliveries);
  const PublishWriter::Attempt attempt{id, false, when_safe(session, terms.qos)};
  if (writer_.write(*connection, terms, attempt, publication) == PublishWriter::Written::dropped) {
    finish(session, id);
  }
}

// Not inlined: its callers end with it, so that they need no frame where nothing waits.
[[gnu::noinline]] void Sender::wait(Session& session, SendQueue queue, const Terms& terms,
                                    Publication& publication, const char* why) {
  const Tracer& tracer = drops_.tracer();
  if (tracer.on()) tracer.tell(session, {"a message is queued: ", why});
  queues_.push(session, queue, terms, publication);
}

void Sender::finish(Session& session, mqtt::PacketId id) {
  assert(session.outgoing && session.outgoing->window().find(id) != nullptr);
  ledger_.finished(session, session.outgoing->window().finish(id));
}

// A message with QoS 2 may be sent again after a crash under its old identifier only: that has to
// be on disk before the receiver sees it.
SendRule Sender::when_safe(const Session& session, mqtt::Qos qos) const {
  const bool wait = qos == mqtt::Qos::exactly_once && ledger_.acknowledges_late(session);
  return wait ? SendRule::after_commit : SendRule::after_held_publishes;
}

// The quota starts at the client's Receive Maximum [MQTT-4.9.0-1] [MQTT-4.9.0-2].
bool Sender::window_open(const Session& session) const {
  assert(session.connection != nullptr && session.outgoing);
  const Outgoing& outgoing = *session.outgoing;
  const std::size_t quota = std::min<std::size_t>(
      session.connection->receive_maximum,
      limits_.max_inflight_messages == 0 ? 65'535U : limits_.max_inflight_messages);
  if (outgoing.window().quota_used() >= quota) return false;
  // As Mosquitto counts: payloads, and while there are fewer bytes one more message goes out.
  return limits_.max_inflight_bytes == 0 ||
         outgoing.window().size_bytes() < limits_.max_inflight_bytes;
}

bool Sender::socket_full(const Connection& connection) const {
  const std::size_t held =
      connection.held == nullptr ? 0 : connection.held->bytes.size() - connection.held->begin;
  const std::size_t most = connection.queued_bytes > 0 ? behind_bytes_max : pending_bytes_max;
  return connection.queued_bytes + held + outbox_.pending_bytes(connection.id) > most;
}

// A socket that is behind reports anyway, and held output reports when it is released.
void Sender::await_socket(Connection& connection) {
  connection.congested = true;
  if (connection.queued_bytes == 0 && outbox_.pending_bytes(connection.id) > 0) {
    outbox_.output(connection.id).report = true;
  }
}

void Sender::resume(Session& session, Instant now) {
  if (!session.outgoing) return;
  session.outgoing->window().rewind();
  pump(session, now);
}

void Sender::pump(Session& session, Instant now) {
  if (session.connection == nullptr) return;
  Connection& connection = *session.connection;
  connection.congested = connection.queued_bytes > 0;
  if (!session.outgoing) return;
  Outgoing& outgoing = *session.outgoing;
  bool open = true;
  bool full = socket_full(connection);
  for (; open && !full && outgoing.window().resending(); full = socket_full(connection)) {
    open = resend_next(session, now);
  }
  for (; open && !full && outgoing.backlog_size() > 0; full = socket_full(connection)) {
    open = send_from_backlog(session, now);
  }
  for (; !full && outgoing.backlog().at_most_once() == 0 && outgoing.unsent_size() > 0;
       full = socket_full(connection)) {
    send_once(session, outgoing.unsent().pop_front(), now);
  }
  if (outgoing.unsent_size() > 0 || outgoing.backlog().at_most_once() > 0) {
    connection.congested = true;
  }
  if (full) await_socket(connection);
}

void Sender::leave(Session& session) { queues_.give_up_socket(session); }

bool Sender::may_leave(const Session& session, const Message& message, Instant now) {
  if (!session.permissions) return true;
  const std::string_view topic = message.topic();
  if (session.permissions->allows(Access::receive, topic, identity_of(session))) return true;
  denials_.count_withheld(session, topic, now);
  return false;
}

// The client may hold the identifier of a QoS 2 message that it was sent before, and would take a
// later message with the same one for a repeat. PUBREL frees it and brings nothing; a client that
// does not know the identifier answers all the same [MQTT-4.3.3-11].
void Sender::withhold(Session& session, mqtt::PacketId id, InFlight& entry) {
  assert(session.outgoing->window().find(id) == &entry);
  if (entry.delivery.qos != mqtt::Qos::exactly_once) return finish(session, id);
  ledger_.released(session, session.outgoing->window().number_of(id), entry.delivery.message);
  session.outgoing->window().received(entry);
  write_pubrel(session, id, mqtt::Reason::success);
}

// A shared delivery too is completed with the session that began it [MQTT-4.8.2-4].
bool Sender::resend_next(Session& session, Instant now) {
  Outgoing& outgoing = *session.outgoing;
  mqtt::PacketId id{0};
  InFlight* const entry = outgoing.window().next_to_resend(id);
  if (entry == nullptr) return true;
  if (entry->state == InFlight::State::release_unsent) {
    write_pubrel(session, id, mqtt::Reason::success);
    outgoing.window().sent_again(*entry);
    return true;
  }
  const Delivery& delivery = entry->delivery;
  if (!may_leave(session, *delivery.message, now)) {
    withhold(session, id, *entry);
    return true;
  }
  if (!window_open(session)) return false;
  const Terms terms{delivery.qos, delivery.retain, delivery.membership,
                    delivery.subscription_identifiers.view(), false};
  const bool acknowledged = delivery.qos != mqtt::Qos::at_most_once;
  // DUP says that this is not the first try [MQTT-3.3.1-1].
  const bool dup = entry->sent_before && acknowledged;
  const PublishWriter::Attempt attempt{id, dup, when_safe(session, terms.qos)};
  const auto written =
      writer_.write_kept(*session.connection, delivery.message, terms, attempt, now);
  if (written == PublishWriter::Written::sent && acknowledged) {
    outgoing.window().sent_again(*entry);
  } else {
    finish(session, id);
  }
  return true;
}

bool Sender::send_from_backlog(Session& session, Instant now) {
  Outgoing& outgoing = *session.outgoing;
  const Delivery& front = outgoing.backlog().front();
  const bool acknowledged = front.qos != mqtt::Qos::at_most_once;
  if (!outgoing.window_has_room() || (acknowledged && !window_open(session))) {
    blocked_.note(session, now);
    return false;
  }
  if (!acknowledged || front.message->expired(now)) {
    drop_or_send_once(session, now);
    return true;
  }
  if (!may_leave(session, *front.message, now)) {
    const std::uint64_t number = outgoing.backlog().front_number();
    const Delivery withheld = outgoing.backlog().pop_front();
    ledger_.finished(session, {number, withheld.message});
    return true;
  }
  if (!outgoing.front_has_identifier()) ledger_.renumber_backlog(session);
  const mqtt::PacketId id = outgoing.send_front();
  const Delivery& delivery = outgoing.window().find(id)->delivery;
  const Terms terms{delivery.qos, delivery.retain, delivery.membership,
                    delivery.subscription_identifiers.view(), false};
  const PublishWriter::Attempt attempt{id, false, when_safe(session, terms.qos)};
  const auto written =
      writer_.write_kept(*session.connection, delivery.message, terms, attempt, now);
  if (written == PublishWriter::Written::dropped) finish(session, id);
  return true;
}

void Sender::drop_or_send_once(Session& session, Instant now) {
  Backlog& backlog = session.outgoing->backlog();
  const std::uint64_t number = backlog.front_number();
  const Delivery delivery = backlog.pop_front();
  ledger_.finished(session, {number, delivery.message});
  send_once(session, delivery, now);
}

void Sender::send_once(Session& session, const Delivery& delivery, Instant now) {
  assert(session.connection != nullptr);
  if (delivery.message->expired(now)) return drops_.count(session, DropReason::expired);
  if (!may_leave(session, *delivery.message, now)) return;
  const Terms terms{delivery.qos, delivery.retain, delivery.membership,
                    delivery.subscription_identifiers.view(), false};
  writer_.write_kept(*session.connection, delivery.message, terms, {}, now);
}

// PUBREL says that PUBREC will not be forgotten: it waits like the message did.
void Sender::write_pubrel(Session& session, mqtt::PacketId id, mqtt::Reason reason) {
  writer_.write_ack(session, mqtt::PacketType::pubrel, id, reason,
                    when_safe(session, mqtt::Qos::exactly_once));
}

bool Sender::acknowledged(Session& session, const mqtt::Ack& ack, Instant now) {
  bool right_kind = true;
  if (ack.type == mqtt::PacketType::puback) right_kind = on_puback(session, ack);
  if (ack.type == mqtt::PacketType::pubrec) right_kind = on_pubrec(session, ack);
  if (ack.type == mqtt::PacketType::pubcomp) right_kind = on_pubcomp(session, ack);
  if (!right_kind) return false;
  if (session.outgoing &&
      (session.outgoing->backlog_size() > 0 || session.outgoing->window().resending())) {
    pump(session, now);
  }
  return true;
}

// Open until this came, whatever its reason code [MQTT-4.3.2-3] [MQTT-4.4.0-2].
bool Sender::on_puback(Session& session, const mqtt::Ack& ack) {
  const InFlight* const entry = find_in_flight(session, ack.packet_id);
  if (entry == nullptr) return true;
  if (entry->delivery.qos != mqtt::Qos::at_least_once) return false;
  finish(session, ack.packet_id);
  return true;
}

// Open until this came; PUBLISH is never sent again after it [MQTT-4.3.3-3] [MQTT-4.3.3-6]
// [MQTT-4.8.2-6].
bool Sender::on_pubrec(Session& session, const mqtt::Ack& ack) {
  InFlight* const entry = find_in_flight(session, ack.packet_id);
  if (entry == nullptr) {
    if (ack.reason < mqtt::Reason::unspecified_error) {
      write_pubrel(session, ack.packet_id, limits_.unknown_identifier());
    }
    return true;
  }
  if (entry->delivery.qos != mqtt::Qos::exactly_once) return false;
  if (ack.reason >= mqtt::Reason::unspecified_error) {
    finish(session, ack.packet_id);  // refused: over, without PUBREL (section 4.3.3)
    return true;
  }
  // From here on the message is not sent again, only PUBREL is [MQTT-4.3.3-4] [MQTT-4.3.3-5].
  if (ledger_.on() && !entry->released()) {
    ledger_.released(session, session.outgoing->window().number_of(ack.packet_id),
                     entry->delivery.message);
  }
  if (entry->state != InFlight::State::awaiting_pubcomp)
    session.outgoing->window().received(*entry);
  write_pubrel(session, ack.packet_id, mqtt::Reason::success);
  return true;
}

bool Sender::on_pubcomp(Session& session, const mqtt::Ack& ack) {
  const InFlight* const entry = find_in_flight(session, ack.packet_id);
  if (entry == nullptr) return true;
  if (entry->delivery.qos != mqtt::Qos::exactly_once || !entry->released()) return false;
  finish(session, ack.packet_id);
  return true;
}

}  // namespace broker
