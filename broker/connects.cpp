#include "broker/connects.h"

#include <cassert>
#include <optional>

#include "broker/core/client_text.h"
#include "broker/core/log_fields.h"
#include "broker/core/text.h"
#include "broker/wire/reason_text.h"

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

Connects::Connects(const ShardOptions& options, const Homes& homes, const ConnectRules& rules,
                   const Commits& commits, ConnectionTable& connections, SessionTable& sessions,
                   Outbox& outbox, Metrics& metrics, Sender& sender, Pressure& pressure,
                   SessionLife& life, SessionStart& start, Disconnects& disconnects,
                   Replies& replies, ClientLog& log, const Turn& turn)
    : options_(options),
      homes_(homes),
      rules_(rules),
      commits_(commits),
      connections_(connections),
      sessions_(sessions),
      outbox_(outbox),
      metrics_(metrics),
      sender_(sender),
      pressure_(pressure),
      life_(life),
      start_(start),
      disconnects_(disconnects),
      replies_(replies),
      log_(log),
      turn_(turn),
      logins_(options, rules, outbox),
      ids_(options.seed, options.home_key[1], homes, options.index) {}

Next Connects::take(Connection& connection, const mqtt::Frame& frame, mqtt::Bytes unread) {
  assert(connection.stage == Connection::Stage::expecting_connect);
  auto packet = mqtt::decode_connect(frame.body, frame.flags);
  if (!packet) return refuse_undecoded(connection, frame, packet.error());
  if (const auto failure = broken_text(options_.limits.text_rule, *packet)) {
    return refuse_undecoded(connection, frame, *failure);
  }
  rules_.identify(connection, *packet);
  connection.version = packet->version;
  connection.request_problem_information = packet->request_problem_information;
  connection.maximum_packet_size_bytes = packet->maximum_packet_size_bytes;
  // A line about it was written when it came.
  if (connection.refusal != Reason::success) {
    return turn_away(connection, packet->version,
                     {connection.refusal, "a limit on connections is reached"});
  }
  if (refuse_control_will(connection, *packet)) return Next::stop;
  if (const auto failure = rules_.check(connection, *packet)) {
    return refuse(connection, *packet, *failure);
  }
  if (rules_.wants_client_id(connection, *packet)) {
    connection.texts().assigned_id = HeapText(ids_.next(policy(connection).auto_id_prefix));
  }
  const std::string_view client_id = rules_.client_id_of(connection, *packet);
  log_.tracer().identified(connection, client_id);
  const ShardIndex home = homes_.of(client_id);
  if (home != options_.index) return hand_off(connection, home, unread);
  if (!policy(connection).open_to_all) {
    log_.tracer().tell(connection, {"its login is asked for"});
    logins_.ask(connection, *packet);
    return Next::go_on;
  }
  return accept(connection, *packet, Verdict{});
}

Next Connects::refuse_undecoded(Connection& connection, const mqtt::Frame& frame,
                                const Failure& failure) {
  const mqtt::ConnectHead head = mqtt::head_of_connect(frame.body);
  std::string why(failure.what);
  if (failure.reason == Reason::unsupported_protocol_version) {
    why += concat({" ", std::to_string(head.level)});
    if (!head.client_id.empty()) why += concat({", client id '", cut(head.client_id), "'"});
  }
  LogFields fields = fields_of(Event::connect_refused, connection, failure.reason);
  fields.client_id = head.client_id;
  log_.note(LogType::notice, fields,
            {"Client connection from ", client_address_text(connection), " refused: ", why, "."});
  return turn_away(connection, head.version, failure);
}

// Closed without an answer, as Mosquitto does. Below $SYS a will is judged when it is due.
bool Connects::refuse_control_will(Connection& connection, const mqtt::Connect& packet) {
  const bool control = packet.will && policy(connection).mount_point.empty() &&
                       packet.will->topic.starts_with("$CONTROL/");
  if (!control) return false;
  ++metrics_.denied[static_cast<std::size_t>(Denial::will)];
  log_.note_rarely(
      ClientLog::RareLine::control_will,
      applicant_fields(Event::will_denied, connection, rules_.client_id_of(connection, packet),
                       packet, Reason::not_authorized),
      {"Client ", applicant_text(connection, packet), " refused: its will goes to $CONTROL."});
  disconnects_.end(connection, WillFate::discard, CloseHow::policy);
  return true;
}

std::string Connects::applicant_text(const Connection& connection,
                                     const mqtt::Connect& packet) const {
  return describe_applicant(connection, rules_.client_id_of(connection, packet), packet);
}

Next Connects::refuse(Connection& connection, const mqtt::Connect& packet, const Failure& failure) {
  log_.note(LogType::notice,
            applicant_fields(Event::connect_refused, connection,
                             rules_.client_id_of(connection, packet), packet, failure.reason),
            {"Client ", applicant_text(connection, packet),
             " refused: ", rules_.explain(packet, failure), "."});
  return turn_away(connection, packet.version, failure);
}

// Mosquitto's own words: alerts and filters of fail2ban look for them.
void Connects::note_refused_login(const Connection& connection, const mqtt::Connect& packet,
                                  const Verdict& verdict) {
  const std::string applicant = applicant_text(connection, packet);
  const Event event = verdict.reason == Reason::not_authorized ? Event::login_failed
                      : verdict.reason == Reason::banned       ? Event::banned_address_refused
                                                               : Event::login_unanswered;
  const LogFields fields = applicant_fields(
      event, connection, rules_.client_id_of(connection, packet), packet, verdict.reason);
  log_.tracer().tell(connection, {"login refused: ", verdict.why});
  if (verdict.reason == Reason::not_authorized) {
    log_.note(LogType::warning, fields,
              {"Client ", applicant, " (", verdict.why, ") disconnected, not authorised."});
  } else {
    log_.note(LogType::warning, fields,
              {"Client ", applicant, " disconnected: ", verdict.why, "."});
  }
}

// After this nothing of the client is looked at, and the connection closes [MQTT-3.1.4-6]
// [MQTT-3.2.2-7] [MQTT-3.2.2-8] [MQTT3-3.1.4-1] [MQTT3-3.2.2-6].
Next Connects::turn_away(Connection& connection, mqtt::Version version, const Failure& failure) {
  if (log_.tracer().on()) {
    log_.tracer().tell(connection, {"CONNECT refused: ", mqtt::text_of(failure.reason), ": ",
                                    failure.what, mqtt::clauses_text(failure, version)});
  }
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
    if (Replies::may_send_reason_string(connection, failure.what))
      packet.reason_string = failure.what;
    if (Replies::may_be_sent(connection, packet)) {
      replies_.send(connection, SendRule::immediate,
                    [&](mqtt::ByteBuffer& out) { mqtt::encode(packet, version, out); });
    }
  }
  disconnects_.end(connection, WillFate::discard, CloseHow::policy, failure.what);
  return Next::stop;
}

Next Connects::hand_off(Connection& connection, ShardIndex home, mqtt::Bytes unread) {
  --metrics_.messages_received;  // its home counts the CONNECT
  if (log_.tracer().on()) {
    log_.tracer().tell(connection,
                       {"it moves to shard ", std::to_string(static_cast<std::uint32_t>(home))});
  }
  outbox_.request(HandoffRequest{connection.id, home, {unread.begin(), unread.end()}});
  connections_.remove(connection);
  return Next::stop;
}

// A login that fails ends the connection [MQTT-3.1.4-2].
Connects::Decided Connects::decided(Connection& connection, const Verdict& verdict) {
  const Logins::Decision decision = logins_.decided(connection, verdict);
  const mqtt::Connect& packet = decision.packet;
  switch (decision.outcome) {
    case Logins::Outcome::asked_again:
      return Decided::asked_again;
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
      return Decided::accepted;
  }
  return Decided::refused;
}

// CONNACK is the first packet and the only one of its kind [MQTT-3.1.4-5] [MQTT-3.2.0-1]
// [MQTT-3.2.0-2].
Next Connects::accept(Connection& connection, const mqtt::Connect& packet, const Verdict& verdict) {
  // A client with a session here takes no more memory, and may give some back.
  if (pressure_.memory_is_short() &&
      sessions_.find(rules_.client_id_of(connection, packet)) == nullptr) {
    return refuse(connection, packet, {Reason::server_busy, "memory_limit is near"});
  }
  mqtt::Connack answer = rules_.connack_for(connection, packet);
  if (!Replies::may_be_sent(connection, answer)) {
    return refuse(connection, packet,
                  {Reason::packet_too_large, "CONNACK exceeds its Maximum Packet Size"});
  }
  log_.tracer().identified(connection, rules_.client_id_of(connection, packet));
  bool present = false;
  const Commits::Progress before = commits_.progress();
  Session* const session = start_.find_or_make(connection, packet, present);
  if (session == nullptr) {
    return refuse(connection, packet,
                  {Reason::server_busy, "global_max_clients is reached", Answered::from_v5_0});
  }
  // A session that is there again, as it was, needs no wait: it is stored.
  const bool session_row_changes =
      !present || session->will || packet.will ||
      session->expiry_interval_seconds != rules_.expiry_interval_of(connection, packet);
  start_.attach(connection, *session, packet, verdict);
  answer.session_present = present;
  replies_.send(connection, session_row_changes ? commits_.when_safe(before) : SendRule::immediate,
                [&](mqtt::ByteBuffer& out) { mqtt::encode(answer, packet.version, out); });
  if (connection.held) connection.held->everything = true;
  if (log_.tells_of_connections()) {
    log_.note(LogType::notice, fields_of(Event::client_connected, connection),
              {connected_line(connection, packet)});
  }
  if (log_.debug()) {
    for (const std::string& line : will_lines(packet)) log_.note(LogType::debug, {line});
  }
  life_.announce_presence(*session);
  sender_.resume(*session, turn_.now());
  return Next::go_on;
}

}  // namespace broker
