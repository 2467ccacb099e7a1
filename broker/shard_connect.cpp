#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/core/siphash.h"
#include "broker/core/text.h"
#include "broker/shard_state.h"
#include "broker/wire/properties.h"

namespace broker {
namespace {

using Failure = mqtt::Failure;
using mqtt::Answered;
using mqtt::Reason;

/// The refusal of a CONNECT with a text that breaks the rule; answered as one that is no UTF-8.
std::optional<Failure> broken_text(mqtt::TextRule rule, const mqtt::Connect& packet) {
  if (mqtt::breaks(rule, packet.client_id)) {
    return Failure{Reason::client_identifier_not_valid, "control character in client identifier",
                   Answered::from_v5_0};
  }
  if (packet.user_name && mqtt::breaks(rule, *packet.user_name)) {
    return Failure{Reason::malformed_packet, "control character in user name", Answered::never};
  }
  if (packet.will &&
      (mqtt::breaks(rule, packet.will->topic) || mqtt::breaks(rule, packet.will->properties))) {
    return Failure{Reason::malformed_packet, "control character in the will", Answered::never};
  }
  return std::nullopt;
}

}  // namespace

Next Shard::State::on_connect(Connection& connection, const mqtt::Frame& frame,
                              mqtt::Bytes unread) {
  auto packet = mqtt::decode_connect(frame.body, frame.flags);
  if (!packet) return refuse_undecoded(connection, frame, packet.error());
  if (const auto failure = broken_text(options.limits.text_rule, *packet)) {
    return refuse_undecoded(connection, frame, *failure);
  }
  connect_rules.identify(connection, *packet);
  connection.version = packet->version;
  connection.request_problem_information = packet->request_problem_information;
  connection.maximum_packet_size_bytes = packet->maximum_packet_size_bytes;
  // A line about it was written when it came.
  if (connection.refusal != Reason::success) {
    return turn_away(connection, packet->version,
                     {connection.refusal, "a limit on connections is reached"});
  }
  if (refuse_control_will(connection, *packet)) return Next::stop;
  if (const auto failure = connect_rules.check(connection, *packet)) {
    return refuse(connection, *packet, *failure);
  }
  const ListenerPolicy& rules = policy(connection.listener);
  if (connect_rules.wants_client_id(connection, *packet)) {
    connection.texts().assigned_id = HeapText(make_client_id(rules.auto_id_prefix));
  }
  const std::string_view client_id = connect_rules.client_id_of(connection, *packet);
  const ShardIndex home = homes.of(client_id);
  if (home != options.index) return hand_off(connection, home, unread);
  if (!rules.open_to_all) {
    logins.ask(connection, *packet);
    return Next::go_on;
  }
  return accept(connection, *packet, Verdict{});
}

Next Shard::State::refuse_undecoded(Connection& connection, const mqtt::Frame& frame,
                                    Failure failure) {
  const mqtt::ConnectHead head = mqtt::head_of_connect(frame.body);
  std::string why(failure.what);
  if (failure.reason == Reason::unsupported_protocol_version) {
    why += concat({" ", std::to_string(head.level)});
    if (!head.client_id.empty()) why += concat({", client id '", cut(head.client_id), "'"});
  }
  log.note(LogType::notice,
           {"Client connection from ", client_address_text(connection), " refused: ", why, "."});
  return turn_away(connection, head.version, failure);
}

// Closed without an answer, as Mosquitto does. Below $SYS a will is judged when it is due.
bool Shard::State::refuse_control_will(Connection& connection, const mqtt::Connect& packet) {
  const bool control = packet.will && policy(connection.listener).mount_point.empty() &&
                       packet.will->topic.starts_with("$CONTROL/");
  if (!control) return false;
  ++metrics.denied[static_cast<std::size_t>(Denial::will)];
  log.note_rarely(ClientLog::RareLine::control_will, {"Client ", applicant_text(connection, packet),
                                                      " refused: its will goes to $CONTROL."});
  disconnects.end(connection, WillFate::discard, CloseHow::policy);
  return true;
}

// Unique, and at home on this shard [MQTT-3.1.3-6].
std::string Shard::State::make_client_id(std::string_view prefix) {
  // A UUID of version 4 from a keyed hash over a counter. Chosen until it is at home here, so that
  // the connection need not move.
  for (;;) {
    ++ids_made;
    const std::uint64_t key[2] = {options.seed, options.home_key[1]};
    const std::string count = std::to_string(ids_made);
    const std::uint64_t high = siphash(key, "high" + count);
    const std::uint64_t low = siphash(key, "low" + count);
    char text[40];
    std::snprintf(text, sizeof text, "%08x-%04x-4%03x-%04x-%012llx",
                  static_cast<unsigned>(high >> 32U), static_cast<unsigned>(high >> 16U & 0xFFFFU),
                  static_cast<unsigned>(high & 0xFFFU),
                  static_cast<unsigned>(low >> 48U & 0x3FFFU) | 0x8000U,
                  static_cast<unsigned long long>(low & 0xFFFF'FFFF'FFFFULL));
    std::string id = concat({prefix, text});
    if (homes.of(id) == options.index) return id;
  }
}

std::string Shard::State::applicant_text(const Connection& connection,
                                         const mqtt::Connect& packet) const {
  return describe_applicant(connection, connect_rules.client_id_of(connection, packet), packet);
}

Next Shard::State::refuse(Connection& connection, const mqtt::Connect& packet, Failure failure) {
  log.note(LogType::notice, {"Client ", applicant_text(connection, packet),
                             " refused: ", connect_rules.explain(packet, failure), "."});
  return turn_away(connection, packet.version, failure);
}

// Alerts on failed logins look for "not authorised.".
void Shard::State::note_refused_login(const Connection& connection, const mqtt::Connect& packet,
                                      const Verdict& verdict) {
  const std::string applicant = applicant_text(connection, packet);
  if (verdict.reason == Reason::not_authorized) {
    log.note(LogType::warning,
             {"Client ", applicant, " (", verdict.why, ") disconnected: not authorised."});
  } else {
    log.note(LogType::warning, {"Client ", applicant, " disconnected: ", verdict.why, "."});
  }
}

// After this nothing of the client is looked at, and the connection closes [MQTT-3.1.4-6]
// [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT3-3.1.4-1] [MQTT3-3.2.2-6].
Next Shard::State::turn_away(Connection& connection, mqtt::Version version, Failure failure) {
  // A stream that is not MQTT at all gets no answer, only a close [MQTT-3.1.4-1].
  const bool broken =
      failure.reason == Reason::malformed_packet || failure.reason == Reason::protocol_error;
  const bool v5_0 = version == mqtt::Version::v5_0;
  const bool answer = failure.answered == Answered::always
                          ? v5_0 || !broken
                          : v5_0 && failure.answered == Answered::from_v5_0;
  if (answer) {
    mqtt::Connack packet;
    packet.reason = failure.reason;
    // [MQTT-3.2.2-19]
    if (Replies::may_explain(connection, failure.what)) packet.reason_string = failure.what;
    if (Replies::may_be_sent(connection, packet)) {
      replies.send(connection, When::at_once,
                   [&](mqtt::ByteBuffer& out) { mqtt::encode(packet, version, out); });
    }
  }
  disconnects.end(connection, WillFate::discard, CloseHow::policy, failure.what);
  return Next::stop;
}

Next Shard::State::hand_off(Connection& connection, ShardIndex home, mqtt::Bytes unread) {
  --metrics.messages_received;  // its home counts the CONNECT
  outbox.request(HandoffRequest{connection.id, home, {unread.begin(), unread.end()}});
  connections.remove(connection);
  return Next::stop;
}

// A login that fails ends the connection [MQTT-3.1.4-2].
bool Shard::State::decide(Connection& connection, const Verdict& verdict) {
  const Logins::Decision decision = logins.decided(connection, verdict);
  const mqtt::Connect& packet = decision.packet;
  switch (decision.outcome) {
    case Logins::Outcome::asked_again:
      return false;
    case Logins::Outcome::denied:
      note_refused_login(connection, packet, verdict);
      turn_away(connection, packet.version, decision.failure);
      break;
    case Logins::Outcome::unfit:
      refuse(connection, packet, decision.failure);
      break;
    case Logins::Outcome::accepted:
      if (accept(connection, packet, verdict) == Next::stop) break;
      connection.tail.consume(decision.packet_bytes);
      static_cast<void>(process_tail(connection));
      break;
  }
  return true;
}

// CONNACK is the first packet and the only one of its kind [MQTT-3.1.4-5] [MQTT-3.2.0-1]
// [MQTT-3.2.0-2].
Next Shard::State::accept(Connection& connection, const mqtt::Connect& packet,
                          const Verdict& verdict) {
  // A client with a session here takes no more memory, and may give some back.
  if (pressure.memory_is_short() &&
      sessions.find(connect_rules.client_id_of(connection, packet)) == nullptr) {
    return refuse(connection, packet, {Reason::server_busy, "memory_limit is near"});
  }
  mqtt::Connack answer = connect_rules.connack_for(connection, packet);
  if (!Replies::may_be_sent(connection, answer)) {
    return refuse(connection, packet,
                  {Reason::packet_too_large, "CONNACK exceeds its Maximum Packet Size"});
  }
  bool present = false;
  const Commits::Progress before = commits.progress();
  Session* const session = session_for(connection, packet, present);
  if (session == nullptr) {
    return refuse(connection, packet,
                  {Reason::server_busy, "global_max_clients is reached", Answered::from_v5_0});
  }
  // A session that is there again, as it was, needs no wait: it is stored.
  const bool news = !present || session->will || packet.will ||
                    session->expiry_interval_seconds != connect_rules.expiry_interval_of(packet);
  attach(connection, *session, packet, verdict);
  store_will(*session, packet);
  note_connected(*session);
  answer.session_present = present;
  replies.send(connection, news ? commits.when_safe(before) : When::at_once,
               [&](mqtt::ByteBuffer& out) { mqtt::encode(answer, packet.version, out); });
  if (connection.held) connection.held->everything = true;
  if (log.tells_of_connections()) {
    log.note(LogType::notice, {connected_line(connection, packet)});
  }
  if (log.debug()) {
    for (const std::string& line : will_lines(packet)) log.note(LogType::debug, {line});
  }
  life.announce_presence(*session);
  sender.resume(*session, turn.now());
  return Next::go_on;
}

// The client's session, resumed or made afresh [MQTT-3.1.2-6] [MQTT-3.1.3-2] [MQTT-3.1.4-4]
// [MQTT3-3.1.2-4] [MQTT3-3.1.2-6].
Session* Shard::State::session_for(Connection& connection, const mqtt::Connect& packet,
                                   bool& present) {
  const std::string client_id(connect_rules.client_id_of(connection, packet));
  Session* session = sessions.find(client_id);
  if (session != nullptr && session->connection != nullptr) {
    Connection& old = *session->connection;
    log.note(
        LogType::notice,
        {"Client ", cut(client_id), " already connected, closing old connection from ",
         client_address_text(old), "; the new one is from ", client_address_text(connection), "."});
    // The older connection has to go [MQTT-3.1.4-3].
    disconnects.dismiss(old, Reason::session_taken_over,
                        "another client connected with this client identifier");
    session = sessions.find(client_id);  // it may have ended with its connection
  }
  if (session != nullptr && session->end == Session::End::due) {
    life.end(*session);
    session = nullptr;
  }
  if (session != nullptr && session->away && session->away->expiry.armed() &&
      session->away->expiry.deadline() <= turn.now()) {
    life.note_expired(*session);  // its time is over, and only the tick has not come yet
    life.end(*session);
    session = nullptr;
  }
  if (session != nullptr && packet.clean_start) {
    life.end(*session);  // [MQTT-3.1.2-4]
    session = nullptr;
  }
  present = session != nullptr;  // [MQTT-3.1.2-5] [MQTT-3.2.2-2] [MQTT-3.2.2-3]
  if (present) return session;
  if (!count_session()) return nullptr;
  return &sessions.create(client_id);
}

// A will that waits for its delay is stopped by the client's return [MQTT-3.1.3-9].
void Shard::State::attach(Connection& connection, Session& session, const mqtt::Connect& packet,
                          const Verdict& verdict) {
  const ListenerPolicy& rules = policy(connection.listener);
  // Kept routes contain decisions of the permissions.
  const bool moved = verdict.permissions && verdict.permissions->names_address() &&
                     identity_of(session).address != connection.address;
  const bool routes_change =
      moved || session.permissions != verdict.permissions || session.version != packet.version;
  if (!session.subscriptions.empty() && routes_change) router.forget_routes();
  if (session.away && session.away->will_delay.armed() &&
      session.away->will_delay.deadline() <= turn.now()) {
    life.publish_will(session);  // it came due, and only the tick has not come yet
  }
  session.away.reset();
  session.connection = &connection;
  session.version = packet.version;
  session.from_bridge = packet.from_bridge;
  session.listener = connection.listener;
  session.mount_point = HeapText(rules.mount_point);
  session.permissions = verdict.permissions;
  session.publisher.reset();
  session.user_name = HeapText(packet.user_name.value_or(""));
  session.expiry_interval_seconds = connect_rules.expiry_interval_of(packet);

  connection.stage = Connection::Stage::connected;
  connection.session = &session;
  connection.version = packet.version;
  connection.receive_maximum = packet.receive_maximum;
  connection.maximum_packet_size_bytes = packet.maximum_packet_size_bytes;
  connection.topic_alias_maximum_out =
      std::min(packet.topic_alias_maximum, rules.max_topic_alias_broker);
  connection.keep_alive_seconds = connect_rules.keep_alive_of(packet);
  connection.promises.maximum_packet_size_bytes = options.limits.max_packet_size_bytes;
  connection.promises.receive_maximum = options.limits.receive_maximum;
  connection.promises.topic_alias_maximum = rules.max_topic_alias;
  connection.promises.maximum_qos = rules.max_qos;
  connection.promises.retain_available = options.limits.retain_available;
  ++metrics.connections;
  begin_keep_alive(connection);
}

void Shard::State::begin_keep_alive(Connection& connection) {
  connection.timer.cancel();
  if (connection.keep_alive_seconds != 0) {
    timers.arm(connection.timer,
               after_milliseconds(turn.now(), connection.keep_alive_seconds * 1500LL));
  }
  ++metrics.clients_connected;
  metrics.clients_maximum = std::max(metrics.clients_maximum, metrics.clients_connected);
}

bool Shard::State::count_session() {
  const std::int64_t most = options.limits.global_max_clients;
  std::atomic<std::int64_t>& count = commons.counts.sessions;
  if (count.fetch_add(1, std::memory_order_relaxed) < most || most < 0) return true;
  count.fetch_sub(1, std::memory_order_relaxed);
  return false;
}

void Shard::State::note_connected(Session& session) {
  if (session.persistent()) {
    ledger.changed(session, Ledger::session_row);
  } else {
    ledger.ended(session);  // it was kept until now, and ends with this connection
  }
}

// Without Will Flag nothing is stored, so nothing is published [MQTT-3.1.2-7] [MQTT3-3.1.2-12].
void Shard::State::store_will(Session& session, const mqtt::Connect& packet) {
  session.will.reset();
  if (!packet.will) return;
  const mqtt::Will& will = *packet.will;
  mqtt::ByteBuffer properties;
  mqtt::forwarded_properties(will.properties, properties);
  const std::string topic = concat({session.mount_point, will.topic});
  session.will = std::make_unique<StoredWill>();
  session.will->message = MessageRef::copy_of(
      {topic, will.payload, properties.view(), will.qos, will.retain, std::nullopt});
  session.will->delay_interval_seconds = will.delay_interval_seconds;
  session.will->has_expiry = will.message_expiry_interval_seconds.has_value();
  session.will->message_expiry_interval_seconds = will.message_expiry_interval_seconds.value_or(0);
}

}  // namespace broker
