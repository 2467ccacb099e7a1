#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/core/siphash.h"
#include "broker/core/text.h"
#include "broker/shard_state.h"

namespace broker {
namespace {

using Failure = mqtt::Failure;
using mqtt::Answered;
using mqtt::Reason;

bool accepts(const ListenerPolicy& policy, mqtt::Version version) {
  switch (version) {
    case mqtt::Version::v3_1:
      return policy.accept_v3_1;
    case mqtt::Version::v3_1_1:
      return policy.accept_v3_1_1;
    case mqtt::Version::v5_0:
      return policy.accept_v5_0;
  }
  return false;
}

constexpr std::string_view keep_alive_refusal = "keep alive exceeds max_keepalive";

/// Overwrites a password so that no copy of it stays in freed memory.
void wipe(mqtt::ByteBuffer& buffer, mqtt::Bytes secret) {
  const std::ptrdiff_t offset = secret.data() - buffer.data();
  volatile std::byte* const place = buffer.data() + offset;
  for (std::size_t i = 0; i < secret.size(); ++i) place[i] = std::byte{0};
}

}  // namespace

Shard::State::Next Shard::State::on_connect(Connection& connection, const mqtt::Frame& frame,
                                            mqtt::Bytes unread) {
  auto packet = mqtt::decode_connect(frame.body, frame.flags);
  if (!packet) return refuse_undecoded(connection, frame, packet.error());
  identify(connection, *packet);
  connection.version = packet->version;
  connection.request_problem_information = packet->request_problem_information;
  connection.maximum_packet_size_bytes = packet->maximum_packet_size_bytes;
  // A line about it was written when it came.
  if (connection.refusal != Reason::success) {
    return turn_away(connection, packet->version,
                     {connection.refusal, "a limit on connections is reached"});
  }
  if (refuse_control_will(connection, *packet)) return Next::stop;
  if (const auto failure = check_connect(connection, *packet)) {
    return refuse(connection, *packet, *failure);
  }
  const ListenerPolicy& rules = policy(connection.listener);
  if (packet->client_id.empty() && !rules.use_username_as_clientid &&
      connection.assigned_id().empty()) {
    connection.texts().assigned_id = HeapText(make_client_id(rules.auto_id_prefix));
  }
  const std::string_view client_id = client_id_of(connection, *packet);
  const std::uint64_t hash = siphash(options.home_key, client_id);
  const ShardIndex home{static_cast<std::uint32_t>(hash % options.shards)};
  if (home != options.index) return hand_off(connection, home, unread);
  if (!rules.open_to_all) {
    ask_for_login(connection, *packet);
    return Next::go_on;
  }
  return accept(connection, *packet, Verdict{});
}

Shard::State::Next Shard::State::refuse_undecoded(Connection& connection, const mqtt::Frame& frame,
                                                  Failure failure) {
  const mqtt::ConnectHead head = mqtt::head_of_connect(frame.body);
  std::string why(failure.what);
  if (failure.reason == Reason::unsupported_protocol_version) {
    why += concat({" ", std::to_string(head.level)});
    if (!head.client_id.empty()) why += concat({", client id '", cut(head.client_id), "'"});
  }
  note(LogType::notice,
       {"Client connection from ", client_address_text(connection), " refused: ", why, "."});
  return turn_away(connection, head.version, failure);
}

// Closed without an answer, as Mosquitto does. Below $SYS a will is judged when it is due.
bool Shard::State::refuse_control_will(Connection& connection, const mqtt::Connect& packet) {
  const bool control = packet.will && policy(connection.listener).mount_point.empty() &&
                       packet.will->topic.starts_with("$CONTROL/");
  if (!control) return false;
  ++metrics.denied[static_cast<std::size_t>(Denial::will)];
  note_at_a_rate(control_will_lines, {"Client ", applicant_text(connection, packet),
                                      " refused: its will goes to $CONTROL."});
  end_connection(connection, WillFate::discard, CloseHow::policy);
  return true;
}

/// Where a certificate or a PSK says who a client is, its own words do not count.
void Shard::State::identify(const Connection& connection, mqtt::Connect& packet) const {
  if (!policy(connection.listener).user_name_from_tls) return;
  packet.user_name.reset();
  packet.password.reset();
  const std::string_view name = connection.tls_user_name();
  if (!name.empty()) packet.user_name = name;
}

std::string_view Shard::State::client_id_of(const Connection& connection,
                                            const mqtt::Connect& packet) const {
  if (policy(connection.listener).use_username_as_clientid && packet.user_name) {
    return *packet.user_name;
  }
  return packet.client_id.empty() ? connection.assigned_id() : packet.client_id;
}

// No authentication method is served [MQTT-4.12.0-1] [MQTT-4.12.0-4].
std::optional<Failure> Shard::State::check_connect(const Connection& connection,
                                                   const mqtt::Connect& packet) const {
  const ListenerPolicy& rules = policy(connection.listener);
  if (!accepts(rules, packet.version)) {
    return Failure{Reason::unsupported_protocol_version, "protocol version not accepted here"};
  }
  if (rules.user_name_from_tls && !packet.user_name) {
    const std::string_view why = connection.missing_name();
    return Failure{Reason::bad_user_name_or_password,
                   why.empty() ? "no certificate says who it is" : why};
  }
  if (const auto failure = check_client_id(connection, packet)) return failure;
  if (keep_alive_refused(packet)) {
    return Failure{Reason::client_identifier_not_valid, keep_alive_refusal};
  }
  if (packet.authentication_method) {
    return Failure{Reason::bad_authentication_method, "authentication method not supported"};
  }
  if (!packet.will) return std::nullopt;
  const std::uint32_t most = options.limits.message_size_limit_bytes;
  if (most != 0 && packet.will->payload.size() > most) {
    const bool v5_0 = packet.version == mqtt::Version::v5_0;
    return Failure{v5_0 ? Reason::packet_too_large : Reason::not_authorized,
                   "will payload exceeds message_size_limit"};
  }
  if (packet.will->qos > rules.max_qos) {
    // [MQTT-3.2.2-12]
    return Failure{Reason::qos_not_supported, "will QoS exceeds max_qos", Answered::from_v5_0};
  }
  if (packet.will->retain && !options.limits.retain_available) {
    // [MQTT-3.2.2-13]
    return Failure{Reason::retain_not_supported, "will is retained but retain_available is false",
                   Answered::from_v5_0};
  }
  return std::nullopt;
}

// Refused identifiers get their reason code, then a close [MQTT-3.1.3-8] [MQTT3-3.1.3-7]
// [MQTT3-3.1.3-9].
std::optional<Failure> Shard::State::check_client_id(const Connection& connection,
                                                     const mqtt::Connect& packet) const {
  const ListenerPolicy& rules = policy(connection.listener);
  if (rules.use_username_as_clientid) {
    if (packet.user_name && !packet.user_name->empty()) return std::nullopt;
    return Failure{Reason::not_authorized, "use_username_as_clientid needs a user name"};
  }
  if (packet.client_id.empty()) {
    // An empty id needs a broker that makes one, and before 5.0 a clean session [MQTT3-3.1.3-8].
    const bool may_assign = rules.allow_zero_length_clientid &&
                            packet.version != mqtt::Version::v3_1 &&
                            (packet.version == mqtt::Version::v5_0 || packet.clean_start);
    if (may_assign) return std::nullopt;
    // Mosquitto's code of 5.0 for it is 0x80.
    const bool v5_0 = packet.version == mqtt::Version::v5_0;
    return Failure{v5_0 ? Reason::unspecified_error : Reason::client_identifier_not_valid,
                   "zero length client id"};
  }
  const auto& prefixes = options.limits.clientid_prefixes;
  if (prefixes.empty()) return std::nullopt;
  const bool known = std::ranges::any_of(
      prefixes, [&](const std::string& prefix) { return packet.client_id.starts_with(prefix); });
  if (known) return std::nullopt;
  return Failure{Reason::not_authorized, "client id has none of clientid_prefixes"};
}

bool Shard::State::keep_alive_refused(const mqtt::Connect& packet) const {
  const std::uint16_t most = options.limits.max_keepalive_seconds;
  if (most == 0 || options.limits.max_keepalive_cap) return false;
  // A 5.0 client is told the smaller value instead [MQTT-3.2.2-21].
  if (packet.version == mqtt::Version::v5_0) return false;
  return packet.keep_alive_seconds == 0 || packet.keep_alive_seconds > most;
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
    if (siphash(options.home_key, id) % options.shards ==
        static_cast<std::uint32_t>(options.index)) {
      return id;
    }
  }
}

std::string Shard::State::applicant_text(const Connection& connection,
                                         const mqtt::Connect& packet) const {
  return describe_applicant(connection, client_id_of(connection, packet), packet);
}

std::string Shard::State::explain(const mqtt::Connect& packet, const Failure& failure) const {
  if (failure.what == keep_alive_refusal) {
    const std::string value = std::to_string(packet.keep_alive_seconds);
    const std::string most = std::to_string(options.limits.max_keepalive_seconds);
    return concat({"keep alive ", value, packet.keep_alive_seconds == 0 ? " (none) " : " ",
                   "exceeds max_keepalive ", most,
                   "; with max_keepalive_cap true such a client is let in and held to it"});
  }
  if (failure.reason == Reason::unsupported_protocol_version) {
    return concat({"MQTT ", version_text(packet.version),
                   " is not among accept_protocol_versions of its listener"});
  }
  return std::string(failure.what);
}

Shard::State::Next Shard::State::refuse(Connection& connection, const mqtt::Connect& packet,
                                        Failure failure) {
  note(LogType::notice, {"Client ", applicant_text(connection, packet),
                         " refused: ", explain(packet, failure), "."});
  return turn_away(connection, packet.version, failure);
}

// Alerts on failed logins look for "not authorised.".
void Shard::State::note_refused_login(const Connection& connection, const mqtt::Connect& packet,
                                      const Verdict& verdict) const {
  const std::string applicant = applicant_text(connection, packet);
  if (verdict.reason == Reason::not_authorized) {
    note(LogType::warning,
         {"Client ", applicant, " (", verdict.why, ") disconnected: not authorised."});
  } else {
    note(LogType::warning, {"Client ", applicant, " disconnected: ", verdict.why, "."});
  }
}

// After this nothing of the client is looked at, and the connection closes [MQTT-3.1.4-6]
// [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT3-3.1.4-1] [MQTT3-3.2.2-6].
Shard::State::Next Shard::State::turn_away(Connection& connection, mqtt::Version version,
                                           Failure failure) {
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
    if (may_explain(connection, failure.what)) packet.reason_string = failure.what;
    if (may_be_sent(connection, packet)) {
      reply(connection, When::at_once,
            [&](mqtt::ByteBuffer& out) { mqtt::encode(packet, version, out); });
    }
  }
  end_connection(connection, WillFate::discard, CloseHow::policy, failure.what);
  return Next::stop;
}

Shard::State::Next Shard::State::hand_off(Connection& connection, ShardIndex home,
                                          mqtt::Bytes unread) {
  outbox.request(HandoffRequest{connection.id, home, {unread.begin(), unread.end()}});
  note_unsent(connection, 0);
  connections[connection.id.slot].reset();
  return Next::stop;
}

void Shard::State::ask_for_login(Connection& connection, const mqtt::Connect& packet) {
  connection.stage = Connection::Stage::awaiting_verdict;
  connection.login_asked_in = reloads;
  LoginRequest request;
  request.connection = connection.id;
  request.listener = connection.listener;
  request.has_user_name = packet.user_name.has_value();
  request.has_password = packet.password.has_value();
  if (packet.user_name) request.user_name = *packet.user_name;
  if (packet.password) request.password = mqtt::as_text(*packet.password);
  // Both have to hold: the listener wants the name that TLS proved, and this is that name.
  request.user_is_verified = policy(connection.listener).user_name_from_tls &&
                             request.has_user_name &&
                             request.user_name == connection.tls_user_name();
  request.client_id = client_id_of(connection, packet);
  request.address = connection.address;
  outbox.request(std::move(request));
}

// A login that fails ends the connection [MQTT-3.1.4-2].
bool Shard::State::decide(Connection& connection, const Verdict& verdict) {
  // `tail` begins with the CONNECT, which was sound when it came.
  const auto frame =
      mqtt::next_frame(connection.tail.view(), connection.promises.maximum_packet_size_bytes);
  const std::size_t size_bytes = (*frame)->size_bytes;
  auto packet = mqtt::decode_connect((*frame)->body, (*frame)->flags);
  const std::optional<mqtt::Bytes> password = packet->password;
  // Before anything is asked again: a name in CONNECT must not pass for one that TLS proved.
  identify(connection, *packet);
  const auto unfit = check_again(connection, *packet);
  const bool outdated = is_login_outdated(connection);
  if (outdated && !unfit) {
    ask_for_login(connection, *packet);
    return false;
  }
  if (password) wipe(connection.tail, *password);
  connection.stage = Connection::Stage::expecting_connect;
  if (verdict.reason != Reason::success && !outdated) {
    note_refused_login(connection, *packet, verdict);
    const bool denied = verdict.reason == Reason::not_authorized;
    turn_away(connection, packet->version,
              {verdict.reason, denied ? "not authorised" : verdict.why});
  } else if (unfit) {
    refuse(connection, *packet, *unfit);
  } else if (accept(connection, *packet, verdict) == Next::go_on) {
    connection.tail.consume(size_bytes);
    static_cast<void>(process_tail(connection));
  }
  return true;
}

// The rules may have changed since the CONNECT came, and with them whose name it is known by.
std::optional<Failure> Shard::State::check_again(const Connection& connection,
                                                 const mqtt::Connect& packet) const {
  if (const auto failure = check_connect(connection, packet)) return failure;
  const std::string_view client_id = client_id_of(connection, packet);
  const std::uint64_t hash = siphash(options.home_key, client_id);
  const ShardIndex home{static_cast<std::uint32_t>(hash % options.shards)};
  if (!client_id.empty() && home == options.index) return std::nullopt;
  return Failure{Reason::server_busy, "its listener was changed meanwhile"};
}

// CONNACK is the first packet and the only one of its kind [MQTT-3.1.4-5] [MQTT-3.2.0-1]
// [MQTT-3.2.0-2].
Shard::State::Next Shard::State::accept(Connection& connection, const mqtt::Connect& packet,
                                        const Verdict& verdict) {
  // Who has a session here takes no more, and may give some back.
  if (pressure.memory_is_short() && sessions.find(client_id_of(connection, packet)) == nullptr) {
    return refuse(connection, packet, {Reason::server_busy, "memory_limit is near"});
  }
  mqtt::Connack answer = connack_for(connection, packet);
  if (!may_be_sent(connection, answer)) {
    return refuse(connection, packet,
                  {Reason::packet_too_large, "CONNACK exceeds its Maximum Packet Size"});
  }
  bool present = false;
  const Progress before = progress();
  Session* const session = session_for(connection, packet, present);
  if (session == nullptr) {
    return refuse(connection, packet,
                  {Reason::server_busy, "global_max_clients is reached", Answered::from_v5_0});
  }
  // A session that is there again, as it was, needs no wait: it is stored.
  const bool news = !present || session->will || packet.will ||
                    session->expiry_interval_seconds != expiry_interval_of(packet);
  attach(connection, *session, packet, verdict);
  store_will(*session, packet);
  note_connected(*session);
  answer.session_present = present;
  reply(connection, news ? when_safe(before) : When::at_once,
        [&](mqtt::ByteBuffer& out) { mqtt::encode(answer, packet.version, out); });
  if (connection.held) connection.held->everything = true;
  if (tells_of_connections()) {
    note(LogType::notice, {connected_line(connection, packet)});
  }
  if (debug) {
    for (const std::string& line : will_lines(packet)) note(LogType::debug, {line});
  }
  announce_presence(*session);
  sender.resume(*session, now);
  return Next::go_on;
}

// The client's session, resumed or made afresh [MQTT-3.1.2-6] [MQTT-3.1.3-2] [MQTT-3.1.4-4]
// [MQTT3-3.1.2-4] [MQTT3-3.1.2-6].
Session* Shard::State::session_for(Connection& connection, const mqtt::Connect& packet,
                                   bool& present) {
  const std::string client_id(client_id_of(connection, packet));
  Session* session = sessions.find(client_id);
  if (session != nullptr && session->connection != nullptr) {
    Connection& old = *session->connection;
    note(
        LogType::notice,
        {"Client ", cut(client_id), " already connected, closing old connection from ",
         client_address_text(old), "; the new one is from ", client_address_text(connection), "."});
    // The older connection has to go [MQTT-3.1.4-3].
    send_disconnect(old, Reason::session_taken_over, {});
    end_connection(old, WillFate::publish, CloseHow::policy,
                   "another client connected with this client identifier");
    session = sessions.find(client_id);  // it may have ended with its connection
  }
  if (session != nullptr && session->end == Session::End::due) {
    end_session(*session);
    session = nullptr;
  }
  if (session != nullptr && session->away && session->away->expiry.armed() &&
      session->away->expiry.deadline() <= now) {
    note_expired(*session);  // its time is over, and only the tick has not come yet
    end_session(*session);
    session = nullptr;
  }
  if (session != nullptr && packet.clean_start) {
    end_session(*session);  // [MQTT-3.1.2-4]
    session = nullptr;
  }
  present = session != nullptr;  // [MQTT-3.1.2-5] [MQTT-3.2.2-2] [MQTT-3.2.2-3]
  if (present) return session;
  const std::int64_t most = options.limits.global_max_clients;
  if (commons.counts.sessions.fetch_add(1, std::memory_order_relaxed) >= most && most >= 0) {
    commons.counts.sessions.fetch_sub(1, std::memory_order_relaxed);
    return nullptr;
  }
  return &sessions.create(client_id);
}

// A will that waits for its delay is stopped by the client's return [MQTT-3.1.3-9].
void Shard::State::attach(Connection& connection, Session& session, const mqtt::Connect& packet,
                          const Verdict& verdict) {
  const ListenerPolicy& rules = policy(connection.listener);
  // Kept routes hold what these decide.
  const bool moved = verdict.permissions && verdict.permissions->names_address() &&
                     identity_of(session).address != connection.address;
  const bool routes_change =
      moved || session.permissions != verdict.permissions || session.version != packet.version;
  if (!session.subscriptions.empty() && routes_change) router.forget_routes();
  if (session.away && session.away->will_delay.armed() &&
      session.away->will_delay.deadline() <= now) {
    publish_will(session);  // it came due, and only the tick has not come yet
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
  session.expiry_interval_seconds = expiry_interval_of(packet);

  connection.stage = Connection::Stage::connected;
  connection.session = &session;
  connection.version = packet.version;
  connection.receive_maximum = packet.receive_maximum;
  connection.maximum_packet_size_bytes = packet.maximum_packet_size_bytes;
  connection.topic_alias_maximum_out =
      std::min(packet.topic_alias_maximum, rules.max_topic_alias_broker);
  connection.keep_alive_seconds = keep_alive_of(packet);
  connection.promises.maximum_packet_size_bytes = options.limits.max_packet_size_bytes;
  connection.promises.receive_maximum = options.limits.receive_maximum;
  connection.promises.topic_alias_maximum = rules.max_topic_alias;
  connection.promises.maximum_qos = rules.max_qos;
  connection.promises.retain_available = options.limits.retain_available;
  connection.timer.cancel();
  if (connection.keep_alive_seconds != 0) {
    timers.arm(connection.timer, after_milliseconds(now, connection.keep_alive_seconds * 1500LL));
  }
  ++metrics.clients_connected;
  ++metrics.connections;
  metrics.clients_maximum = std::max(metrics.clients_maximum, metrics.clients_connected);
}

std::uint32_t Shard::State::capped_expiry(std::uint32_t seconds) const {
  const std::int64_t most = options.limits.persistent_client_expiration_seconds;
  return most < 0 || seconds <= most ? seconds : static_cast<std::uint32_t>(most);
}

std::uint32_t Shard::State::expiry_interval_of(const mqtt::Connect& packet) const {
  if (packet.version == mqtt::Version::v5_0) {
    return capped_expiry(packet.session_expiry_interval_seconds);
  }
  return packet.clean_start ? 0 : capped_expiry(session_never_expires);
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

std::uint16_t Shard::State::keep_alive_of(const mqtt::Connect& packet) const {
  const std::uint16_t most = options.limits.max_keepalive_seconds;
  const bool too_long = packet.keep_alive_seconds == 0 || packet.keep_alive_seconds > most;
  return most != 0 && too_long ? most : packet.keep_alive_seconds;
}

// Limits are named where they differ from the protocol's own [MQTT-3.2.2-9] [MQTT-3.2.2-22].
mqtt::Connack Shard::State::connack_for(const Connection& connection,
                                        const mqtt::Connect& packet) const {
  const ListenerPolicy& rules = policy(connection.listener);
  mqtt::Connack answer;
  if (rules.max_topic_alias > 0) answer.topic_alias_maximum = rules.max_topic_alias;
  // [MQTT-3.1.3-7] [MQTT-3.2.2-16]
  if (packet.client_id.empty()) {
    answer.assigned_client_identifier = client_id_of(connection, packet);
  }
  if (const std::uint16_t kept = keep_alive_of(packet); kept != packet.keep_alive_seconds) {
    answer.server_keep_alive_seconds = kept;
  }
  if (!options.limits.retain_available) answer.retain_available = false;
  answer.maximum_packet_size_bytes = options.limits.max_packet_size_bytes;
  const std::uint16_t receive_maximum = options.limits.receive_maximum;
  if (receive_maximum != 0 && receive_maximum != UINT16_MAX) {
    answer.receive_maximum = receive_maximum;
  }
  if (rules.max_qos != mqtt::Qos::exactly_once) {
    answer.maximum_qos = static_cast<std::uint8_t>(rules.max_qos);
  }
  if (const std::uint32_t expiry = expiry_interval_of(packet);
      expiry != packet.session_expiry_interval_seconds) {
    answer.session_expiry_interval_seconds = expiry;
  }
  return answer;
}

// [MQTT-3.1.2-24]
bool Shard::State::may_be_sent(const Connection& connection, const mqtt::Connack& answer) {
  if (connection.maximum_packet_size_bytes == 0) return true;
  mqtt::ByteBuffer whole;
  mqtt::encode(answer, connection.version, whole);
  return whole.size() <= connection.maximum_packet_size_bytes;
}

}  // namespace broker
