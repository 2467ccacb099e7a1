#include "broker/core/sender.h"

#include <algorithm>
#include <cstring>
#include <string>

#include "broker/core/text.h"

namespace broker {
namespace {

/// Output that a socket may be behind with; what is beyond waits here.
constexpr std::size_t behind_bytes_max = 131'072;
/// The same while it may well take all of it.
constexpr std::size_t pending_bytes_max = 1'048'576;
/// Topics and properties of a queue may take so much, however low max_queued_bytes is.
constexpr std::uint64_t heading_bytes_min = 65'536;

/// The lower of two limits of which 0 means none.
std::uint64_t lower(std::uint64_t one, std::uint64_t other) {
  if (one == 0 || other == 0) return one + other;
  return std::min(one, other);
}

std::size_t kind_of(mqtt::Version version, const Terms& terms) {
  const std::size_t v5 = version == mqtt::Version::v5_0 ? 6 : 0;
  return v5 + static_cast<std::size_t>(terms.qos) * 2 + (terms.retain ? 1U : 0U);
}

/// The message that an acknowledgement names, or null. QoS 0 that came back with a session has a
/// place among them, and no identifier.
InFlight* find_in_flight(const Session& session, mqtt::PacketId id) {
  InFlight* const entry = session.outgoing ? session.outgoing->find(id) : nullptr;
  return entry == nullptr || entry->delivery.qos == mqtt::Qos::at_most_once ? nullptr : entry;
}

std::uint32_t seconds_left(Instant expires, Instant now) {
  const std::int64_t milliseconds = expires.milliseconds - now.milliseconds;
  return static_cast<std::uint32_t>((milliseconds + 999) / 1000);
}

}  // namespace

Sender::Sender(const Limits& limits, const std::vector<ListenerPolicy>& listeners, Outbox& outbox,
               Ledger& ledger, Holdings& holdings, Metrics& metrics, DropLog& drops,
               BlockedLog& blocked, DenialLog& denials, Log& log)
    : limits_(limits),
      listeners_(listeners),
      outbox_(outbox),
      ledger_(ledger),
      holdings_(holdings),
      metrics_(metrics),
      drops_(drops),
      blocked_(blocked),
      denials_(denials),
      log_(log) {}

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
    if (spare_memory_) return drop(session, DropReason::memory_limit);
    return queue(session, Line::backlog, terms, publication);
  }
  if (connection->congested || terms.queue_always) {
    return deliver_congested(session, terms, publication);
  }
  write(*connection, publication.view, terms, mqtt::PacketId{0}, false, &publication, nullptr,
        publication.now);
}

// What waits already goes first: the order of one topic must hold [MQTT-4.6.0-5].
void Sender::deliver_congested(Session& session, const Terms& terms, Publication& publication) {
  Connection& connection = *session.connection;
  const bool others_wait =
      session.outgoing != nullptr &&
      (session.outgoing->unsent_size() > 0 || session.outgoing->backlog().at_most_once() > 0);
  const bool full = socket_full(connection);
  if (!others_wait && !full) {
    write(connection, publication.view, terms, mqtt::PacketId{0}, false, &publication, nullptr,
          publication.now);
    return;
  }
  if (full) await_socket(connection);
  if (spare_memory_) return drop(session, DropReason::memory_limit);
  queue(session, Line::unsent, terms, publication);
}

void Sender::deliver_acknowledged(Session& session, const Terms& terms, Publication& publication) {
  Connection* const connection = session.connection;
  Outgoing& outgoing = session.outgoing_part();
  const MessageRef& kept = publication.keep();
  if (connection == nullptr) {
    if (session.persistent()) queue(session, Line::backlog, terms, publication);
    return;
  }
  const bool full = (connection->congested || terms.queue_always) && socket_full(*connection);
  if (full) await_socket(*connection);
  if (full || outgoing.backlog_size() > 0 || outgoing.resending() || !outgoing.window_has_room() ||
      !window_open(session)) {
    if (!full) blocked_.note(session, publication.now);
    return queue(session, Line::backlog, terms, publication);
  }
  const mqtt::PacketId id =
      outgoing.put_in_flight({kept, IdentifierList(terms.subscription_identifiers),
                              terms.membership, terms.qos, terms.retain});
  ledger_.changed(session, Ledger::session_deliveries);
  if (write(*connection, publication.view, terms, id, false, &publication, &kept,
            publication.now) == Written::dropped) {
    finish(session, id);
  }
}

void Sender::finish(Session& session, mqtt::PacketId id) {
  ledger_.finished(session, session.outgoing->finish(id));
}

// A message with QoS 2 may be sent again after a crash under its old identifier only: that has to
// be on disk before the receiver sees it.
When Sender::when_safe(const Session& session, mqtt::Qos qos) const {
  const bool wait = qos == mqtt::Qos::exactly_once && ledger_.acknowledges_late(session);
  return wait ? When::safe : When::publish;
}

// Kept while the client is away [MQTT3-3.1.2-5].
void Sender::queue(Session& session, Line line, const Terms& terms, Publication& publication) {
  const MessageRef& kept = publication.keep();
  if (!terms.queue_always && !make_room(session, line, *kept)) {
    return drop(session, line == Line::backlog ? DropReason::queue_full : DropReason::slow_socket);
  }
  Outgoing& outgoing = session.outgoing_part();
  Delivery delivery{kept, IdentifierList(terms.subscription_identifiers), terms.membership,
                    terms.qos, terms.retain};
  if (line == Line::unsent) {
    outgoing.push_unsent(std::move(delivery));
    session.connection->congested = true;
    return;
  }
  outgoing.push_backlog(std::move(delivery));
  ledger_.changed(session, Ledger::session_deliveries);
}

bool Sender::make_room(Session& session, Line line, const Message& message) {
  const SlowConsumer policy = listeners_[session.listener].slow_consumer;
  Outgoing& outgoing = session.outgoing_part();
  Backlog& waiting = line == Line::backlog ? outgoing.backlog() : outgoing.unsent();
  if (policy == SlowConsumer::latest_per_topic) {
    const auto older = waiting.latest_of(message.topic());
    if (older) give_way(session, line, *older, DropReason::superseded);
  }
  if (is_below_limits(session, line)) return true;
  switch (policy) {
    case SlowConsumer::drop_newest:
      return false;
    case SlowConsumer::disconnect:
      if (session.connection != nullptr && !std::exchange(session.connection->overrun, true)) {
        overrun_.push_back(session.connection->id);
      }
      return false;
    case SlowConsumer::drop_oldest:
    case SlowConsumer::latest_per_topic:
      break;
  }
  // A message larger than the limit itself pushes no other out.
  const std::uint64_t bytes_max = bytes_max_of(line);
  if (bytes_max != 0 && message.payload().size() > bytes_max) return false;
  while (!waiting.empty() && !is_below_limits(session, line)) {
    give_way(session, line, waiting.front_number(),
             line == Line::backlog ? DropReason::queue_full : DropReason::slow_socket);
  }
  return true;
}

std::uint64_t Sender::bytes_max_of(Line line) const {
  return line == Line::backlog ? limits_.max_queued_bytes
                               : lower(limits_.max_queued_bytes, limits_.max_queued_qos0_bytes);
}

// As Mosquitto counts: payloads, and a queue that is below its limit takes one more. Topics and
// properties may take as much again, so that empty payloads do not make it endless.
bool Sender::is_below_limits(const Session& session, Line line) const {
  const Outgoing* const outgoing = session.outgoing.get();
  if (outgoing == nullptr) return true;
  const Backlog* const waiting =
      line == Line::backlog ? &outgoing->backlog() : outgoing->unsent_if_any();
  if (waiting == nullptr) return true;
  const std::uint64_t messages_max = limits_.max_queued_messages;
  if (messages_max != 0 && waiting->size() >= messages_max) return false;
  const std::uint64_t qos0_bytes_max = limits_.max_queued_qos0_bytes;
  if (line == Line::unsent && qos0_bytes_max != 0 && waiting->size_bytes() >= qos0_bytes_max) {
    return false;
  }
  const std::uint64_t bytes_max = limits_.max_queued_bytes;
  if (bytes_max == 0) return true;
  const std::size_t payload_bytes = waiting->payload_bytes();
  return payload_bytes < bytes_max &&
         waiting->size_bytes() - payload_bytes < std::max(bytes_max, heading_bytes_min);
}

bool Sender::has_room(const Session& session) const {
  return is_below_limits(session, Line::backlog) && is_below_limits(session, Line::unsent);
}

void Sender::give_way(Session& session, Line line, std::uint64_t number, DropReason reason) {
  Outgoing& outgoing = *session.outgoing;
  if (line == Line::unsent) {
    static_cast<void>(outgoing.unsent().remove(number));
  } else {
    const Delivery gone = outgoing.backlog().remove(number);
    ledger_.finished(session, {number, gone.message});
  }
  drop(session, reason);
}

void Sender::drop(Session& session, DropReason reason) {
  drops_.count(session, reason);
  if (!debug_) return;
  log_.write(LogType::debug, concat({"Dropping a message for client ", cut(session.client_id), ": ",
                                     drop_reason_names[static_cast<std::size_t>(reason)], "."}));
}

// The quota starts at the client's Receive Maximum [MQTT-4.9.0-1] [MQTT-4.9.0-2].
bool Sender::window_open(const Session& session) const {
  const Outgoing& outgoing = *session.outgoing;
  const std::size_t quota = std::min<std::size_t>(
      session.connection->receive_maximum,
      limits_.max_inflight_messages == 0 ? 65'535U : limits_.max_inflight_messages);
  if (outgoing.quota_used() >= quota) return false;
  // As Mosquitto counts: payloads, and while there are fewer bytes one more message goes out.
  return limits_.max_inflight_bytes == 0 || outgoing.in_flight_bytes() < limits_.max_inflight_bytes;
}

bool Sender::socket_full(const Connection& connection) const {
  const std::size_t held =
      connection.held == nullptr ? 0 : connection.held->bytes.size() - connection.held->begin;
  const std::size_t most = connection.queued_bytes > 0 ? behind_bytes_max : pending_bytes_max;
  return connection.queued_bytes + held + outbox_.pending_bytes(connection.id) > most;
}

// A socket that is behind reports anyway, and what is held reports when it is let go.
void Sender::await_socket(Connection& connection) {
  connection.congested = true;
  if (connection.queued_bytes == 0 && outbox_.pending_bytes(connection.id) > 0) {
    outbox_.output(connection.id).report = true;
  }
}

void Sender::resume(Session& session, Instant now) {
  if (!session.outgoing) return;
  session.outgoing->rewind();
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
  for (; open && !full && outgoing.resending(); full = socket_full(connection)) {
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

void Sender::leave(Session& session) {
  if (!session.outgoing) return;
  const std::unique_ptr<Backlog> unsent = session.outgoing->take_unsent();
  if (!unsent) return;
  unsent->for_each_from(0, [&](std::uint64_t /*number*/, const Delivery& delivery) {
    const bool kept = limits_.queue_qos0_messages && session.persistent();
    if (!kept || !make_room(session, Line::backlog, *delivery.message)) {
      return drop(session, DropReason::connection_lost);
    }
    session.outgoing->push_backlog({delivery.message,
                                    IdentifierList(delivery.subscription_identifiers.view()),
                                    delivery.membership, delivery.qos, delivery.retain});
    ledger_.changed(session, Ledger::session_deliveries);
  });
}

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
  if (entry.delivery.qos != mqtt::Qos::exactly_once) return finish(session, id);
  ledger_.released(session, session.outgoing->number_of(id), entry.delivery.message);
  session.outgoing->received(entry);
  write_ack(session, mqtt::PacketType::pubrel, id, mqtt::Reason::success);
}

// A shared delivery too is completed with the session that began it [MQTT-4.8.2-4].
bool Sender::resend_next(Session& session, Instant now) {
  Outgoing& outgoing = *session.outgoing;
  mqtt::PacketId id{0};
  InFlight* const entry = outgoing.next_to_resend(id);
  if (entry == nullptr) return true;
  if (entry->state == InFlight::State::release_unsent) {
    write_ack(session, mqtt::PacketType::pubrel, id, mqtt::Reason::success);
    outgoing.sent_again(*entry);
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
  const Written written = write(*session.connection, delivery.message->view(), terms, id, dup,
                                nullptr, &delivery.message, now);
  if (written == Written::sent && acknowledged) {
    outgoing.sent_again(*entry);
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
  const Delivery& delivery = outgoing.find(id)->delivery;
  const Terms terms{delivery.qos, delivery.retain, delivery.membership,
                    delivery.subscription_identifiers.view(), false};
  const Written written = write(*session.connection, delivery.message->view(), terms, id, false,
                                nullptr, &delivery.message, now);
  if (written == Written::dropped) finish(session, id);
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
  if (delivery.message->expired(now)) return drop(session, DropReason::expired);
  if (!may_leave(session, *delivery.message, now)) return;
  const Terms terms{delivery.qos, delivery.retain, delivery.membership,
                    delivery.subscription_identifiers.view(), false};
  write(*session.connection, delivery.message->view(), terms, mqtt::PacketId{0}, false, nullptr,
        &delivery.message, now);
}

// DUP says whether this session was sent it before [MQTT-3.3.1-3] [MQTT-4.3.1-1] [MQTT-4.3.2-2]
// [MQTT-4.3.3-2].
Sender::Written Sender::write(Connection& connection, const MessageView& message,
                              const Terms& terms, mqtt::PacketId id, bool dup,
                              Publication* publication, const MessageRef* kept, Instant now) {
  if (message.expires && *message.expires <= now && !dup) {
    drop(*connection.session, DropReason::expired);
    return Written::dropped;
  }
  const bool waits = Holdings::waits(connection, when_safe(*connection.session, terms.qos));
  const bool v5 = connection.version == mqtt::Version::v5_0;
  const std::size_t mount = connection.session->mount_point.size();
  const bool own_shape = mount != 0 || dup || !terms.subscription_identifiers.empty() ||
                         connection.topic_alias_maximum_out != 0;
  Publication::Encoded* first = nullptr;
  if (publication != nullptr && !own_shape && !waits) {
    first = &publication->encoded[kind_of(connection.version, terms)];
    if (first->output != nullptr && (connection.maximum_packet_size_bytes == 0 ||
                                     first->size_bytes <= connection.maximum_packet_size_bytes)) {
      write_copy(connection, *first, id, *publication);
      count_sent(first->size_bytes, message.payload.size());
      if (debug_) note_sent(*connection.session, message, terms, id, dup);
      return Written::sent;
    }
  }
  mqtt::OutgoingPublish packet{message.topic.substr(mount),
                               message.payload,
                               message.properties,
                               id,
                               terms.qos,
                               terms.retain,
                               dup,
                               0,
                               std::nullopt,
                               terms.subscription_identifiers};
  if (v5 && message.expires) {
    // What is left of the interval is sent [MQTT-3.3.2-6].
    packet.message_expiry_interval_seconds =
        *message.expires <= now ? 0 : seconds_left(*message.expires, now);
  }
  if (connection.maximum_packet_size_bytes != 0 &&
      mqtt::encoded_size(packet, connection.version) > connection.maximum_packet_size_bytes) {
    drop(*connection.session, DropReason::too_large);
    return Written::dropped;
  }
  // What waits may be overtaken by what needs the alias.
  if (connection.topic_alias_maximum_out != 0 && !waits) {
    bool known = false;
    packet.topic_alias = alias_for(connection, packet.topic, known);
    if (known) packet.topic = {};
  }
  if (waits) {
    const mqtt::EncodedPublish held =
        mqtt::encode(packet, connection.version, Holdings::hold(connection));
    holdings_.held(connection, held.size_bytes, true);
    connection.congested = true;
    count_sent(held.size_bytes, message.payload.size());
    if (debug_) note_sent(*connection.session, message, terms, id, dup);
    return Written::sent;
  }
  Output& output = outbox_.output(connection.id);
  const std::size_t offset = output.bytes.size();
  const bool large = message.payload.size() >= splice_bytes_min;
  mqtt::EncodedPublish shape;
  if (large) {
    shape = mqtt::encode_header(packet, connection.version, output.bytes);
    const MessageRef& keeper = kept != nullptr ? *kept : publication->keeper();
    outbox_.splice(output, keeper ? keeper->payload() : message.payload, keeper);
  } else {
    shape = mqtt::encode(packet, connection.version, output.bytes);
  }
  if (first != nullptr && first->output == nullptr) {
    *first = {&output, offset, shape.size_bytes, shape.packet_id_offset, large};
  }
  count_sent(shape.size_bytes, message.payload.size());
  if (debug_) note_sent(*connection.session, message, terms, id, dup);
  return Written::sent;
}

void Sender::write_copy(Connection& connection, Publication::Encoded& first, mqtt::PacketId id,
                        Publication& publication) {
  Output& output = outbox_.output(connection.id);
  const std::size_t payload = first.spliced ? publication.view.payload.size() : 0;
  const std::size_t bytes = first.size_bytes - payload;
  std::byte* const place = output.bytes.extend(bytes);
  // The first copy is found again after extend(): it may stand in the buffer that just moved.
  std::memcpy(place, first.output->bytes.data() + first.offset, bytes);
  if (first.packet_id_offset != 0) {
    place[first.packet_id_offset] = static_cast<std::byte>(static_cast<std::uint16_t>(id) >> 8U);
    place[first.packet_id_offset + 1] =
        static_cast<std::byte>(static_cast<std::uint16_t>(id) & 0xFFU);
  }
  if (!first.spliced) return;
  const MessageRef& keeper = publication.keeper();
  outbox_.splice(output, keeper ? keeper->payload() : publication.view.payload, keeper);
}

// [MQTT-3.3.2-11]
std::uint16_t Sender::alias_for(Connection& connection, std::string_view topic, bool& known) {
  auto& aliases = connection.texts().outgoing_aliases;
  const std::string key(topic);
  const auto found = aliases.find(key);
  known = found != aliases.end();
  if (known) return found->second;
  // Never more than the client's Topic Alias Maximum [MQTT-3.1.2-26] [MQTT-3.1.2-27].
  if (aliases.size() >= connection.topic_alias_maximum_out) return 0;
  const auto alias = static_cast<std::uint16_t>(aliases.size() + 1);
  aliases.emplace(key, alias);
  return alias;
}

void Sender::count_sent(std::size_t packet_bytes, std::size_t payload_bytes) {
  ++metrics_.messages_sent;
  ++metrics_.publish_sent;
  metrics_.publish_bytes_sent += payload_bytes;
  metrics_.bytes_sent += packet_bytes;
}

void Sender::note_sent(const Session& session, const MessageView& message, const Terms& terms,
                       mqtt::PacketId id, bool dup) const {
  log_.write(LogType::debug,
             concat({"Sending PUBLISH to ", cut(session.client_id), " (d", dup ? "1" : "0", ", q",
                     std::to_string(static_cast<int>(terms.qos)), ", r", terms.retain ? "1" : "0",
                     ", m", std::to_string(static_cast<int>(id)), ", '",
                     cut(message.topic.substr(session.mount_point.size())), "', ... (",
                     std::to_string(message.payload.size()), " bytes))"}));
}

// PUBREL says that PUBREC will not be forgotten: it waits like the message did.
void Sender::write_ack(Session& session, mqtt::PacketType type, mqtt::PacketId id,
                       mqtt::Reason reason) {
  Connection& connection = *session.connection;
  const When when = when_safe(session, mqtt::Qos::exactly_once);
  const std::size_t size_bytes = holdings_.say(connection, when, false, [&](mqtt::ByteBuffer& out) {
    mqtt::encode(mqtt::Ack{type, id, reason, {}}, connection.version, out);
  });
  // A client can ask for it again and again, with a PUBREC.
  connection.unread_reply_bytes += static_cast<std::uint32_t>(size_bytes);
  metrics_.bytes_sent += size_bytes;
  ++metrics_.messages_sent;
  if (!debug_) return;
  log_.write(LogType::debug,
             concat({"Sending ", mqtt::name_of(type), " to ", cut(session.client_id), " (m",
                     std::to_string(static_cast<int>(id)), ")"}));
}

bool Sender::acknowledged(Session& session, const mqtt::Ack& ack, Instant now) {
  bool right_kind = true;
  if (ack.type == mqtt::PacketType::puback) right_kind = on_puback(session, ack);
  if (ack.type == mqtt::PacketType::pubrec) right_kind = on_pubrec(session, ack);
  if (ack.type == mqtt::PacketType::pubcomp) right_kind = on_pubcomp(session, ack);
  if (!right_kind) return false;
  if (session.outgoing && (session.outgoing->backlog_size() > 0 || session.outgoing->resending())) {
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
      write_ack(session, mqtt::PacketType::pubrel, ack.packet_id,
                mqtt::Reason::packet_identifier_not_found);
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
    ledger_.released(session, session.outgoing->number_of(ack.packet_id), entry->delivery.message);
  }
  if (entry->state != InFlight::State::awaiting_pubcomp) session.outgoing->received(*entry);
  write_ack(session, mqtt::PacketType::pubrel, ack.packet_id, mqtt::Reason::success);
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
