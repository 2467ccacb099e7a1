#include "broker/shard.h"

#include <cassert>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/shard_admin.h"
#include "broker/shard_links.h"
#include "broker/shard_renewal.h"
#include "broker/shard_state.h"
#include "broker/shard_transfer.h"
#include "broker/wire/ack.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/utf8.h"

namespace broker {
namespace {

constexpr std::int64_t trim_interval_seconds = 10;

/// The end of a line about a client.
std::string_view how_it_ended(CloseCause cause) noexcept {
  switch (cause) {
    case CloseCause::peer_closed:
      return " closed its connection.";
    case CloseCause::connection_lost:
      return " disconnected: connection lost.";
    case CloseCause::protocol_error:
      return " disconnected: protocol error.";
    case CloseCause::ended_here:
      break;
  }
  return " disconnected.";
}

}  // namespace

Shard::Shard(const ShardOptions& options, Commons& commons, Log& log)
    : inside_(std::make_unique<State>(options, commons, log)) {}

Shard::Inside::Inside(std::unique_ptr<State> state) : state_(std::move(state)) {}
Shard::Inside::~Inside() = default;
Shard::Entry Shard::Inside::enter(Instant now) { return {*state_, now}; }

Shard::~Shard() = default;

Outbox& Shard::outbox() noexcept { return inside_.aside().tables.outbox; }
PeerOutbox& Shard::peer_outbox() noexcept { return inside_.aside().tables.peers; }
Metrics Shard::metrics() const noexcept { return inside_.aside().figures.snapshot(); }

std::size_t Shard::waiting_for(std::string_view client_id) const noexcept {
  const Session* const session = inside_.aside().tables.sessions.find(client_id);
  return session == nullptr || !session->outgoing ? 0 : session->outgoing->deliveries();
}

ShardAdmin Shard::admin() noexcept { return ShardAdmin(inside_); }
ShardLinks Shard::links() noexcept { return ShardLinks(inside_); }
ShardRenewal Shard::renewal() noexcept { return ShardRenewal(inside_); }
ShardTransfer Shard::transfer() noexcept { return ShardTransfer(inside_); }

ShardIndex Shard::home_of(std::string_view client_id) const noexcept {
  return inside_.aside().tables.homes.of(client_id);
}

void Shard::opened(ConnectionId id, const Origin& origin, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  Connection* const connection = &state.tables.connections.open(id, connection_timer, now);
  connection->listener = origin.listener;
  connection->transport = origin.transport;
  connection->client_port = origin.port;
  connection->address = origin.address;
  // A proxy, or a PSK identity, may hold any bytes; nobody has a name that is no text.
  if (!origin.user_name.empty() && mqtt::is_utf8_string(origin.user_name)) {
    connection->texts().tls_user_name = HeapText(origin.user_name);
  }
  if (!origin.missing_name.empty()) connection->texts().missing_name = origin.missing_name;
  connection->promises.maximum_packet_size_bytes = state.connect_rules.packet_bytes_max();
  connection->refusal = origin.refusal;
  state.time_limits.expect_connect(*connection, origin.deadline);
  if (!origin.moved) ++state.tables.metrics.sockets_opened;
}

bool Shard::received(ConnectionId id, std::span<const std::byte> bytes, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  Connection* const connection = state.tables.connections.find(id);
  if (connection == nullptr) return true;
  state.tables.metrics.bytes_received += bytes.size();
  connection->last_received = now;
  return state.input.receive(*connection, bytes, state.handler());
}

bool Shard::received_before_move(ConnectionId id, std::span<const std::byte> bytes, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  Connection* const connection = state.tables.connections.find(id);
  if (connection == nullptr) return true;
  assert(connection->stage == Connection::Stage::expecting_connect && connection->tail.empty());
  return state.input.receive(*connection, bytes, state.handler());
}

std::size_t Shard::login_bytes(ConnectionId id) const noexcept {
  const Connection* const connection = inside_.aside().tables.connections.find(id);
  if (connection == nullptr || connection->stage == Connection::Stage::connected) return 0;
  return connection->tail.size();
}

bool Shard::go_on(Instant now) {
  if (!inside_.aside().input.has_unfinished()) return false;
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  state.input.go_on(state.handler());
  return true;
}

void Shard::reads(bool reading, Instant now) {
  inside_.aside().reading.set_loop_reads(reading, now);
}

void Shard::refused(Refusal refusal) noexcept {
  ++inside_.aside().tables.metrics.refused[static_cast<std::size_t>(refusal)];
}

void Shard::dropped_mail(std::size_t messages) noexcept {
  State& state = inside_.aside();
  state.tables.metrics.publish_dropped += messages;
  state.tables.metrics.dropped[static_cast<std::size_t>(DropReason::mailbox_full)] += messages;
}

void Shard::writable(ConnectionId id, std::size_t queued_bytes, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  Connection* const connection = state.tables.connections.find(id);
  if (connection == nullptr) return;
  if (queued_bytes > connection->queued_bytes) {
    state.path.pressure.charge(queued_bytes - connection->queued_bytes);
  }
  state.tables.connections.set_queued(*connection, queued_bytes);
  if (connection->session != nullptr) state.path.sender.pump(*connection->session, now);
  if (queued_bytes != 0) return;
  connection->unread_reply_bytes = 0;
  state.reading.resume(*connection, now);
}

void Shard::closed(ConnectionId id, CloseCause cause, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  Connection* const connection = state.tables.connections.find(id);
  if (connection == nullptr) return;
  if (cause != CloseCause::ended_here) {
    const bool broke_rules = cause == CloseCause::protocol_error;
    const Event event = broke_rules ? Event::protocol_error : Event::connection_lost;
    state.disconnects.note_closed(*connection, fields_of(event, *connection), how_it_ended(cause));
  }
  state.disconnects.end(*connection, WillFate::publish, std::nullopt);
}

bool Shard::decided(ConnectionId id, const Verdict& verdict, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  Connection* const connection = state.tables.connections.find(id);
  const bool awaited =
      connection != nullptr && connection->stage == Connection::Stage::awaiting_verdict;
  const auto decided =
      awaited ? state.connects.decided(*connection, verdict) : Connects::Decided::refused;
  if (decided == Connects::Decided::accepted) {
    static_cast<void>(state.handle_tail(*connection));
  }
  const bool counts = decided != Connects::Decided::asked_again;
  if (counts && is_wrong_login(verdict.reason)) ++state.tables.metrics.logins_failed;
  return counts;
}

void Shard::from_peer(ShardIndex from, PeerMessage message, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  state.peer_input.take(from, message);
}

bool Shard::tick(Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  state.reading.tick(now);
  state.path.pressure.look_at_memory();
  const bool timers_left = state.fire_due();
  const bool retained_left = state.path.distribution.sweep_retained();
  if (now >= state.next_trim) {
    state.next_trim = after_seconds(now, trim_interval_seconds);
    state.tables.outbox.trim();
  }
  state.publishes.top().tick(now);
  state.tables.rate_walk.tick(now);
  state.path.drops.tell(state.tables.sessions, now);
  state.path.blocked.tell(state.tables.sessions, now);
  state.path.log.tell_held_back();
  state.path.denials.tell(now);
  state.figures.tick(now, [&state](std::string_view topic, std::string_view payload) {
    state.path.distribution.publish_own(topic, payload, true);
  });
  return timers_left || retained_left;
}

void Shard::publish_sys(std::string_view topic, std::string_view payload, bool retain,
                        Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  state.path.distribution.publish_own(topic, payload, retain);
}

Next Shard::State::handle_tail(Connection& connection) {
  return input.handle_tail(connection, handler());
}

void Shard::State::resume(Connection& connection) { input.resume(connection, handler()); }

// A PUBLISH was counted when it came.
void Shard::State::handle_parked() {
  input.handle_parked([this](Connection& connection, const mqtt::Frame& frame) {
    return frame.type == mqtt::PacketType::publish ? publishes.retake(connection, frame)
                                                   : handle_connected(connection, frame);
  });
}

Next Shard::State::handle(Connection& connection, const mqtt::Frame& frame, mqtt::Bytes unread) {
  ++tables.metrics.messages_received;
  if (path.log.watches()) path.log.note_received(connection, frame);
  if (connection.stage == Connection::Stage::connected) {
    return handle_connected(connection, frame);
  }
  if (frame.type == mqtt::PacketType::connect) return connects.take(connection, frame, unread);
  return disconnects.fail(connection,
                          {mqtt::Reason::protocol_error, "the first packet is not CONNECT",
                           mqtt::Answered::always, "[MQTT-3.1.0-1] [MQTT3-3.1.0-1]"});
}

Next Shard::State::handle_connected(Connection& connection, const mqtt::Frame& frame) {
  assert(connection.session != nullptr);
  switch (frame.type) {
    case mqtt::PacketType::publish:
      return publishes.take(connection, frame);
    case mqtt::PacketType::puback:
    case mqtt::PacketType::pubrec:
    case mqtt::PacketType::pubrel:
    case mqtt::PacketType::pubcomp:
      return on_ack(connection, frame);
    case mqtt::PacketType::subscribe:
    case mqtt::PacketType::unsubscribe:
      return on_request(connection, frame);
    case mqtt::PacketType::pingreq:
      return on_pingreq(connection, frame);
    case mqtt::PacketType::disconnect:
      return on_disconnect(connection, frame);
    case mqtt::PacketType::auth:
      return on_auth(connection, frame);
    case mqtt::PacketType::connect:
      return disconnects.fail(
          connection, {mqtt::Reason::protocol_error, "a second CONNECT", mqtt::Answered::always,
                       "[MQTT-3.1.0-2] [MQTT3-3.1.0-2]"});
    case mqtt::PacketType::connack:
    case mqtt::PacketType::suback:
    case mqtt::PacketType::unsuback:
    case mqtt::PacketType::pingresp:
      break;
  }
  return disconnects.fail(connection,
                          {mqtt::Reason::protocol_error, "a packet that only servers send"});
}

Next Shard::State::on_ack(Connection& connection, const mqtt::Frame& frame) {
  const auto ack = mqtt::decode_ack(frame, connection.version);
  if (!ack) return disconnects.fail(connection, ack.error());
  if (ack->type == mqtt::PacketType::pubrel) {
    publishes.release(connection, *ack);
  } else if (!path.sender.acknowledged(*connection.session, *ack, path.turn.now())) {
    return disconnects.fail(
        connection, {mqtt::Reason::protocol_error,
                     "an acknowledgement that does not fit the QoS or the state of its message"});
  }
  return Next::go_on;
}

// SUBSCRIBE or UNSUBSCRIBE, in its place among the packets that were put aside.
Next Shard::State::on_request(Connection& connection, const mqtt::Frame& frame) {
  if (connection.parked || path.pressure.journal_is_behind()) {
    path.pressure.park(connection, frame);
    return Next::go_on;
  }
  return requests.take(connection, frame);
}

Next Shard::State::on_pingreq(Connection& connection, const mqtt::Frame& frame) {
  if (const auto decoded = mqtt::decode_pingreq(frame); !decoded) {
    return disconnects.fail(connection, decoded.error());
  }
  // Every PINGREQ is answered [MQTT-3.12.4-1].
  path.replies.send(connection, SendRule::immediate,
                    [](mqtt::ByteBuffer& out) { mqtt::encode_pingresp(out); });
  return Next::go_on;
}

Next Shard::State::on_disconnect(Connection& connection, const mqtt::Frame& frame) {
  const auto packet = mqtt::decode_disconnect(frame, connection.version);
  if (!packet) return disconnects.fail(connection, packet.error());
  Session& session = *connection.session;
  if (packet->session_expiry_interval_seconds) {
    const std::uint32_t wanted = *packet->session_expiry_interval_seconds;
    if (session.expiry_interval_seconds == 0 && wanted != 0) {
      return disconnects.fail(connection, {mqtt::Reason::protocol_error,
                                           "a session expiry interval that was 0 cannot be raised",
                                           mqtt::Answered::always, "[section 3.14.2.2.2]"});
    }
    session.expiry_interval_seconds = connect_rules.capped_expiry(wanted);
    if (session.persistent()) tables.ledger.changed(session, Ledger::session_row);
  }
  disconnects.note_closed(connection,
                          fields_of(Event::client_disconnected, connection, packet->reason),
                          " disconnected.");
  // Only 0x00 removes the will: a client that leaves for an error has it sent [MQTT-3.1.2-8]
  // [MQTT-3.14.4-3].
  const bool keep_will = packet->reason != mqtt::Reason::success;
  disconnects.end(connection, keep_will ? WillFate::publish : WillFate::discard, CloseHow::normal);
  return Next::stop;
}

Next Shard::State::on_auth(Connection& connection, const mqtt::Frame& frame) {
  if (connection.version != mqtt::Version::v5_0) {
    return disconnects.fail(connection, {mqtt::Reason::malformed_packet, "AUTH before 5.0"});
  }
  if (const auto packet = mqtt::decode_auth(frame); !packet) {
    return disconnects.fail(connection, packet.error());
  }
  // No CONNECT with an authentication method is accepted, so none can re-authenticate
  // [MQTT-4.12.1-1].
  return disconnects.fail(connection,
                          {mqtt::Reason::protocol_error, "AUTH without authentication method",
                           mqtt::Answered::always, "[MQTT-4.12.0-7]"});
}

}  // namespace broker
