#include <algorithm>
#include <string>
#include <utility>

#include "broker/core/client_text.h"
#include "broker/core/text.h"
#include "broker/shard_state.h"
#include "broker/wire/ack.h"
#include "broker/wire/properties.h"
#include "broker/wire/publish.h"

namespace broker {
namespace {

using Failure = mqtt::Failure;
using mqtt::Qos;
using mqtt::Reason;

}  // namespace

Next Shard::State::on_publish(Connection& connection, const mqtt::Frame& frame) {
  auto packet = mqtt::decode_publish(frame, connection.version);
  if (!packet) return disconnects.fail(connection, packet.error());
  if (const auto failure = check_publish(connection, *packet))
    return disconnects.fail(connection, *failure);
  if ((packet->qos != Qos::at_most_once || packet->retain || packet->topic_alias != 0) &&
      pressure.has_to_wait(connection, *packet)) {
    return park(connection, frame);
  }
  if (const auto failure = resolve_alias(connection, *packet))
    return disconnects.fail(connection, *failure);
  ++metrics.publish_received;
  metrics.publish_bytes_received += packet->payload.size();

  const std::string_view mount = connection.session->mount_point;
  std::string_view topic = packet->topic;
  if (!mount.empty()) {
    // Subscribers outside of the mount point get the whole name: it has to fit a packet's field.
    if (mount.size() + topic.size() > mqtt::text_bytes_max) {
      return disconnects.fail(connection, Failure{Reason::topic_name_invalid,
                                                  "topic name too long behind mount_point"});
    }
    scratch_topic = concat({mount, topic});
    topic = scratch_topic;
  }
  if (log.debug()) {
    log.note(
        LogType::debug,
        {"Received PUBLISH from ", cut(connection.session->client_id), " (d",
         packet->dup ? "1" : "0", ", q", std::to_string(static_cast<int>(packet->qos)), ", r",
         packet->retain ? "1" : "0", ", m", std::to_string(static_cast<int>(packet->packet_id)),
         ", '", cut(topic), "', ... (", std::to_string(packet->payload.size()), " bytes))"});
  }
  // A QoS 2 identifier that is stored keeps the message from being taken once more.
  const Forwards::StoreAndForward scope(
      forwards, packet->qos == Qos::exactly_once && ledger.acknowledges_late(*connection.session));
  const Commits::Progress before = commits.progress();
  Reason reason = pressure.refuses(connection, *packet) ? refuse_for_memory(*packet)
                                                        : admit(connection, *packet, topic);
  if (reason == Reason::success && distribution.answers_control(topic)) {
    acknowledge(connection, *packet, commits.when_safe(before), reason);
    distribution.answer_control(*connection.session, topic);
    return Next::go_on;
  }
  if (packet->qos == Qos::exactly_once) {
    return publish_exactly_once(connection, *packet, topic, reason, before);
  }
  if (reason == Reason::success && !route_publish(connection, *packet, topic)) {
    reason = Reason::no_matching_subscribers;
  }
  acknowledge(connection, *packet, commits.when_safe(before), reason);
  return Next::go_on;
}

Next Shard::State::publish_exactly_once(Connection& connection, const mqtt::Publish& packet,
                                        std::string_view topic, Reason reason,
                                        const Commits::Progress& before) {
  if (reason == Reason::success) {
    bool duplicate = false;
    if (accept_exactly_once(connection, packet, duplicate) == Next::stop) return Next::stop;
    if (duplicate) {
      acknowledge(connection, packet, commits.when_all_safe(), Reason::success);
      return Next::go_on;
    }
  }
  // Mosquitto sends PUBREC before the message if its publisher is a subscriber, and never says in
  // it whether there are subscribers. Only if PUBREC has to wait for the disk, it comes later.
  const bool at_once = !ledger.on();
  if (at_once) acknowledge(connection, packet, When::at_once, reason);
  if (reason == Reason::success) route_publish(connection, packet, topic);
  if (!at_once) acknowledge(connection, packet, commits.when_safe(before), reason);
  return Next::go_on;
}

std::optional<Failure> Shard::State::check_publish(const Connection& connection,
                                                   const mqtt::Publish& packet) const {
  const mqtt::TextRule rule = options.limits.text_rule;
  if (rule != mqtt::TextRule::any &&
      (mqtt::breaks(rule, packet.topic) || mqtt::breaks(rule, packet.properties))) {
    return Failure{Reason::malformed_packet, "control character in topic name or property"};
  }
  if (packet.qos > connection.promises.maximum_qos) {
    return Failure{Reason::qos_not_supported, "QoS exceeds max_qos"};  // [MQTT-3.2.2-11]
  }
  if (packet.retain && !connection.promises.retain_available) {
    // [MQTT-3.2.2-14]
    return Failure{Reason::retain_not_supported, "retained publish, retain_available is false"};
  }
  return std::nullopt;
}

// Every alias up to the announced maximum is taken [MQTT-3.3.2-12].
std::optional<Failure> Shard::State::resolve_alias(Connection& connection, mqtt::Publish& packet) {
  if (packet.topic_alias == 0) return std::nullopt;
  // [MQTT-3.3.2-9]
  if (packet.topic_alias > connection.promises.topic_alias_maximum) {
    return Failure{Reason::topic_alias_invalid, "topic alias above Topic Alias Maximum"};
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
Reason Shard::State::admit(const Connection& connection, const mqtt::Publish& packet,
                           std::string_view topic) {
  const std::uint32_t most = options.limits.message_size_limit_bytes;
  if (most != 0 && packet.payload.size() > most) {
    log.note(LogType::notice,
             {"Dropped a too large PUBLISH from ", describe_client_with_user(connection), ": ",
              std::to_string(packet.payload.size()), " bytes, message_size_limit is ",
              std::to_string(most), "."});
    return Reason::quota_exceeded;  // PUBACK may not say 0x95
  }
  const Session& session = *connection.session;
  // Nearly every message needs no more than these two tests.
  if (!session.permissions && !topic.starts_with('$')) return Reason::success;
  return distribution.may_publish(session, topic, Denial::publish) ? Reason::success
                                                                   : Reason::not_authorized;
}

// A refused PUBLISH is not remembered, so its identifier is free [MQTT-4.3.3-9].
Next Shard::State::accept_exactly_once(Connection& connection, const mqtt::Publish& packet,
                                       bool& duplicate) {
  Session& session = *connection.session;
  if (!session.incoming) session.incoming = std::make_unique<IncomingIds>();
  IncomingIds& ids = *session.incoming;
  // The same identifier before PUBREL is the same message: not routed again [MQTT-4.3.3-10].
  duplicate = ids.contains(packet.packet_id);
  if (duplicate) return Next::go_on;
  const std::size_t most = connection.promises.receive_maximum;
  if (most != 0 && ids.size() >= most && connection.version == mqtt::Version::v5_0) {
    // [MQTT-3.3.4-7]
    return disconnects.fail(connection,
                            {Reason::receive_maximum_exceeded, "Receive Maximum exceeded"});
  }
  ids.add(packet.packet_id, ledger.keeps(session));
  ledger.changed(session, Ledger::session_incoming);
  return Next::go_on;
}

bool Shard::State::route_publish(Connection& connection, const mqtt::Publish& packet,
                                 std::string_view topic) {
  mqtt::Bytes properties = packet.properties;
  if (packet.properties_need_cutting) {
    scratch_properties.clear();
    mqtt::forwarded_properties(packet.properties, scratch_properties);
    properties = scratch_properties.view();
  }
  MessageView message{topic, packet.payload, properties, packet.qos, packet.retain, std::nullopt};
  if (packet.message_expiry_interval_seconds) {
    message.expires = after_seconds(turn.now(), *packet.message_expiry_interval_seconds);
  }
  return distribution.publish(message, connection.session, true);
}

// The message is owned by now. Nothing remembers a QoS 1 identifier [MQTT-3.3.4-1] [MQTT-4.3.2-4]
// [MQTT-4.3.2-5] [MQTT-4.3.3-8].
void Shard::State::acknowledge(Connection& connection, const mqtt::Publish& packet, When when,
                               Reason reason) {
  if (packet.qos == Qos::at_most_once) return;
  if (when == When::safe) holdings.charge(packet.topic.size() + packet.payload.size());
  const auto type =
      packet.qos == Qos::at_least_once ? mqtt::PacketType::puback : mqtt::PacketType::pubrec;
  replies.send(connection, when, [&](mqtt::ByteBuffer& out) {
    mqtt::encode(mqtt::Ack{type, packet.packet_id, reason, {}}, connection.version, out);
  });
}

Next Shard::State::on_ack(Connection& connection, const mqtt::Frame& frame) {
  const auto ack = mqtt::decode_ack(frame, connection.version);
  if (!ack) return disconnects.fail(connection, ack.error());
  if (ack->type == mqtt::PacketType::pubrel) {
    on_pubrel(connection, *ack);
  } else if (!sender.acknowledged(*connection.session, *ack, turn.now())) {
    return disconnects.fail(connection,
                            {Reason::protocol_error,
                             "an acknowledgement that does not fit the QoS or the state of its "
                             "message"});
  }
  return Next::go_on;
}

// The identifier is free after this [MQTT-4.3.3-12].
void Shard::State::on_pubrel(Connection& connection, const mqtt::Ack& ack) {
  Session& session = *connection.session;
  Reason reason = options.limits.unknown_identifier();
  if (session.incoming && session.incoming->remove(ack.packet_id)) {
    reason = Reason::success;
    ledger.changed(session, Ledger::session_incoming);
  }
  // PUBREL is always answered [MQTT-4.3.3-11].
  replies.send(connection, commits.when_all_safe(), [&](mqtt::ByteBuffer& out) {
    mqtt::encode(mqtt::Ack{mqtt::PacketType::pubcomp, ack.packet_id, reason, {}},
                 connection.version, out);
  });
}

}  // namespace broker
