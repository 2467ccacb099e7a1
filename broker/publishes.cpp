#include "broker/publishes.h"

#include <cassert>
#include <memory>
#include <string>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/core/text.h"
#include "broker/wire/properties.h"

namespace broker {
namespace {

using Failure = mqtt::Failure;
using mqtt::Qos;
using mqtt::Reason;

}  // namespace

Publishes::Publishes(const ShardOptions& options, Ledger& ledger, Holdings& holdings,
                     Forwards& forwards, const Commits& commits, Metrics& metrics,
                     Pressure& pressure, const Turn& turn, Distribution& distribution,
                     ClientLog& log, Replies& replies, Reading& reading, Disconnects& disconnects)
    : options_(options),
      ledger_(ledger),
      holdings_(holdings),
      forwards_(forwards),
      commits_(commits),
      metrics_(metrics),
      pressure_(pressure),
      turn_(turn),
      distribution_(distribution),
      log_(log),
      replies_(replies),
      reading_(reading),
      disconnects_(disconnects),
      top_(options.seed) {}

Next Publishes::take_metered(Connection& connection, const mqtt::Frame& frame) {
  if (const auto exceeded = reading_.meter(connection, frame.size_bytes, turn_.now())) {
    ++metrics_.refused[static_cast<std::size_t>(*exceeded)];
    return disconnects_.fail(
        connection, *exceeded == Refusal::publish_rate
                        ? Failure{Reason::message_rate_too_high, "max_publish_rate exceeded"}
                        : Failure{Reason::quota_exceeded, "max_publish_bytes_rate exceeded"});
  }
  if (retake(connection, frame) == Next::stop) return Next::stop;
  if (!reading_.delay(connection, turn_.now())) return Next::go_on;
  ++metrics_.refused[static_cast<std::size_t>(Refusal::publish_delayed)];
  log_.tracer().tell(connection, {"it publishes faster than it may: it is not read for a while"});
  if (!std::exchange(connection.publishing->told, true)) {
    log_.note_rarely(ClientLog::RareLine::delayed, fields_of(Event::publish_delayed, connection),
                     {"Client ", describe_client(connection),
                      " publishes faster than it may: it is read no faster than that."});
  }
  return Next::wait;
}

Next Publishes::retake(Connection& connection, const mqtt::Frame& frame) {
  assert(connection.session != nullptr && frame.type == mqtt::PacketType::publish);
  auto packet = mqtt::decode_publish(frame, connection.version);
  if (!packet) return disconnects_.fail(connection, packet.error());
  if (const auto failure = check(connection, *packet))
    return disconnects_.fail(connection, *failure);
  if ((packet->qos != Qos::at_most_once || packet->retain || packet->topic_alias != 0) &&
      pressure_.has_to_wait(connection, *packet)) {
    pressure_.park(connection, frame);
    return Next::go_on;
  }
  if (const auto failure = resolve_alias(connection, *packet))
    return disconnects_.fail(connection, *failure);
  const auto qos = static_cast<std::size_t>(packet->qos);
  ++metrics_.publish_received[qos];
  connection.message_rate.count_received();
  metrics_.publish_bytes_received[qos] += packet->payload.size();
  if (top_.is_due()) [[unlikely]]
    sample(connection, *packet);

  const std::string_view topic = whole_topic(connection, *packet);
  if (topic.empty()) {
    return disconnects_.fail(
        connection, {Reason::topic_name_invalid, "topic name too long behind mount_point"});
  }
  if (log_.watches()) note(connection, *packet, topic);
  // A QoS 2 identifier that is stored keeps the message from being taken once more.
  const Forwards::StoreAndForward scope(
      forwards_,
      packet->qos == Qos::exactly_once && ledger_.acknowledges_late(*connection.session));
  const Commits::Progress before = commits_.progress();
  Reason reason = pressure_.refuses(connection, *packet) ? refuse_for_memory(*packet)
                                                         : admit(connection, *packet, topic);
  if (topic.starts_with('$') && reason == Reason::success && distribution_.answers_control(topic)) {
    acknowledge(connection, *packet, commits_.when_safe(before), reason);
    distribution_.answer_control(*connection.session, topic);
    return Next::go_on;
  }
  if (packet->qos == Qos::exactly_once) {
    return take_exactly_once(connection, *packet, topic, reason, before);
  }
  if (reason == Reason::success && !distribute(connection, *packet, topic)) {
    reason = Reason::no_matching_subscribers;
  }
  acknowledge(connection, *packet, commits_.when_safe(before), reason);
  return Next::go_on;
}

Next Publishes::take_exactly_once(Connection& connection, const mqtt::Publish& packet,
                                  std::string_view topic, Reason reason,
                                  const Commits::Progress& before) {
  if (reason == Reason::success) {
    bool duplicate = false;
    if (accept_exactly_once(connection, packet, duplicate) == Next::stop) return Next::stop;
    if (duplicate) {
      log_.tracer().tell(connection, {"PUBLISH is a repeat: its QoS 2 identifier is in use"});
      acknowledge(connection, packet, commits_.when_all_safe(), Reason::success);
      return Next::go_on;
    }
  }
  // Mosquitto sends PUBREC before the message if its publisher is a subscriber, and never says in
  // it whether there are subscribers. Only if PUBREC has to wait for the disk, it comes later.
  const bool at_once = !ledger_.on();
  if (at_once) acknowledge(connection, packet, SendRule::immediate, reason);
  if (reason == Reason::success) distribute(connection, packet, topic);
  if (!at_once) acknowledge(connection, packet, commits_.when_safe(before), reason);
  return Next::go_on;
}

std::optional<Failure> Publishes::check(const Connection& connection,
                                        const mqtt::Publish& packet) const {
  const mqtt::TextRule rule = options_.limits.text_rule;
  if (rule != mqtt::TextRule::any &&
      (mqtt::breaks(rule, packet.topic) ||
       (!packet.properties.empty() && mqtt::breaks(rule, packet.properties)))) {
    return Failure{Reason::malformed_packet, "control character in topic name or property"};
  }
  if (packet.qos > connection.promises.maximum_qos) {
    return Failure{Reason::qos_not_supported, "QoS exceeds max_qos", mqtt::Answered::always,
                   "[MQTT-3.2.2-11]"};
  }
  if (packet.retain && !connection.promises.retain_available) {
    return Failure{Reason::retain_not_supported, "retained publish, retain_available is false",
                   mqtt::Answered::always, "[MQTT-3.2.2-14]"};
  }
  return std::nullopt;
}

std::string_view Publishes::topic_below(std::string_view mount, std::string_view topic) {
  // Subscribers outside of the mount point get the whole name: it has to fit a packet's field.
  if (mount.size() + topic.size() > mqtt::text_bytes_max) return {};
  scratch_topic_ = concat({mount, topic});
  return scratch_topic_;
}

void Publishes::sample(const Connection& connection, const mqtt::Publish& packet) {
  const std::string_view topic = whole_topic(connection, packet);
  top_.sample(topic, connection.session->client_id, topic.size() + packet.payload.size());
}

void Publishes::note(const Connection& connection, const mqtt::Publish& packet,
                     std::string_view topic) {
  trace(connection, packet, topic);
  if (!log_.debug()) return;
  log_.note(LogType::debug,
            {"Received PUBLISH from ", cut(connection.session->client_id), " (d",
             packet.dup ? "1" : "0", ", q", std::to_string(static_cast<int>(packet.qos)), ", r",
             packet.retain ? "1" : "0", ", m", std::to_string(static_cast<int>(packet.packet_id)),
             ", '", cut(topic), "', ... (", std::to_string(packet.payload.size()), " bytes))"});
}

// All decisions that follow from the PUBLISH are told to traces of its topic until the next packet.
void Publishes::trace(const Connection& connection, const mqtt::Publish& packet,
                      std::string_view topic) {
  const Tracer& tracer = log_.tracer();
  tracer.begin_publish(topic);
  if (!tracer.follows(connection)) return;
  const Session& session = *connection.session;
  const std::string rights =
      session.permissions == nullptr
          ? std::string("there are no rules")
          : session.permissions->decided_by(Access::publish, topic, identity_of(session));
  tracer.tell(
      connection,
      {"publishes to '", cut(topic), "', QoS ", std::to_string(static_cast<int>(packet.qos)),
       packet.retain ? ", retained, " : ", ", std::to_string(packet.payload.size()),
       " bytes; rights: ", rights, "; it is for ", distribution_.describe_receivers(topic)});
}

// Every alias up to the announced maximum is taken [MQTT-3.3.2-12].
std::optional<Failure> Publishes::resolve_alias(Connection& connection, mqtt::Publish& packet) {
  if (packet.topic_alias == 0) return std::nullopt;
  if (packet.topic_alias > connection.promises.topic_alias_maximum) {
    return Failure{Reason::topic_alias_invalid, "topic alias above Topic Alias Maximum",
                   mqtt::Answered::always, "[MQTT-3.3.2-9]"};
  }
  auto& known = connection.texts().incoming_aliases;
  const std::size_t index = packet.topic_alias - 1U;
  if (!packet.topic.empty()) {
    if (known.size() <= index) known.resize(index + 1);
    known[index] = packet.topic;
    return std::nullopt;
  }
  if (known.size() <= index || known[index].empty()) {
    return Failure{Reason::protocol_error, "topic alias that was never set"};
  }
  packet.topic = known[index];
  return std::nullopt;
}

// Before 5.0 a refusal is acknowledged all the same [MQTT3-3.3.5-2].
Reason Publishes::judge(const Connection& connection, const mqtt::Publish& packet,
                        std::string_view topic, bool fits) {
  if (!fits) {
    log_.tracer().tell(connection, {"PUBLISH refused: message_size_limit"});
    log_.note(LogType::notice,
              fields_of(Event::publish_too_large, connection, Reason::quota_exceeded),
              {"Dropped a too large PUBLISH from ", describe_client_with_user(connection), ": ",
               std::to_string(packet.payload.size()), " bytes, message_size_limit is ",
               std::to_string(options_.limits.message_size_limit_bytes), "."});
    return Reason::quota_exceeded;  // PUBACK may not say 0x95
  }
  return distribution_.may_publish(*connection.session, topic, Denial::publish)
             ? Reason::success
             : Reason::not_authorized;
}

Reason Publishes::refuse_for_memory(const mqtt::Publish& packet) {
  if (packet.qos == Qos::at_most_once) {
    ++metrics_.publish_dropped;
    ++metrics_.dropped[static_cast<std::size_t>(DropReason::memory_limit)];
  }
  return Reason::quota_exceeded;
}

// A refused PUBLISH is not remembered, so its identifier is free [MQTT-4.3.3-9].
Next Publishes::accept_exactly_once(Connection& connection, const mqtt::Publish& packet,
                                    bool& duplicate) {
  Session& session = *connection.session;
  if (!session.incoming) session.incoming = std::make_unique<IncomingIds>();
  IncomingIds& ids = *session.incoming;
  // The same identifier before PUBREL is the same message: not routed again [MQTT-4.3.3-10].
  const bool known = ids.contains(packet.packet_id);
  // The other broker of a bridge may have lost its session, and uses the identifiers anew: a
  // message that it sent before has DUP [MQTT-3.3.1-1].
  duplicate = known && (packet.dup || !options_.listeners[connection.listener].is_for_bridges);
  if (known) return Next::go_on;
  const std::size_t most = connection.promises.receive_maximum;
  if (most != 0 && ids.size() >= most && connection.version == mqtt::Version::v5_0) {
    return disconnects_.fail(connection,
                             {Reason::receive_maximum_exceeded, "Receive Maximum exceeded",
                              mqtt::Answered::always, "[MQTT-3.3.4-7]"});
  }
  ids.add(packet.packet_id, ledger_.keeps(session));
  ledger_.changed(session, Ledger::session_incoming);
  return Next::go_on;
}

bool Publishes::distribute(Connection& connection, const mqtt::Publish& packet,
                           std::string_view topic) {
  mqtt::Bytes properties = packet.properties;
  if (packet.properties_need_cutting) {
    scratch_properties_.clear();
    mqtt::forwarded_properties(packet.properties, scratch_properties_);
    properties = scratch_properties_.view();
  }
  MessageView message{topic, packet.payload, properties, packet.qos, packet.retain, std::nullopt};
  if (packet.message_expiry_interval_seconds) {
    message.expires = after_seconds(turn_.now(), *packet.message_expiry_interval_seconds);
  }
  return distribution_.publish(message, connection.session, true);
}

// The message is owned by now. Nothing remembers a QoS 1 identifier [MQTT-3.3.4-1] [MQTT-4.3.2-4]
// [MQTT-4.3.2-5] [MQTT-4.3.3-8].
void Publishes::acknowledge(Connection& connection, const mqtt::Publish& packet, SendRule when,
                            Reason reason) {
  if (packet.qos == Qos::at_most_once) return;
  if (when == SendRule::after_commit) holdings_.charge(packet.topic.size() + packet.payload.size());
  const auto type =
      packet.qos == Qos::at_least_once ? mqtt::PacketType::puback : mqtt::PacketType::pubrec;
  replies_.send(connection, when, [&](mqtt::ByteBuffer& out) {
    mqtt::encode(mqtt::Ack{type, packet.packet_id, reason, {}}, connection.version, out);
  });
}

// The identifier is free after this [MQTT-4.3.3-12].
void Publishes::release(Connection& connection, const mqtt::Ack& pubrel) {
  Session& session = *connection.session;
  Reason reason = options_.limits.unknown_identifier();
  if (session.incoming && session.incoming->remove(pubrel.packet_id)) {
    reason = Reason::success;
    ledger_.changed(session, Ledger::session_incoming);
  }
  // PUBREL is always answered [MQTT-4.3.3-11].
  replies_.send(connection, commits_.when_all_safe(), [&](mqtt::ByteBuffer& out) {
    mqtt::encode(mqtt::Ack{mqtt::PacketType::pubcomp, pubrel.packet_id, reason, {}},
                 connection.version, out);
  });
}

}  // namespace broker
