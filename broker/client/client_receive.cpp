// The packets of a server: the Client's half of sections 3 and 4.

#include <algorithm>
#include <utility>

#include "broker/client/client_state.h"
#include "broker/wire/ack.h"
#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"

namespace client {

using mqtt::Frame;
using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Reason;
using mqtt::Version;

namespace {

constexpr mqtt::Failure unexpected_packet{Reason::protocol_error, "a packet that is not expected"};

}  // namespace

void Client::State::receive(Told& event, Instant now) {
  const std::size_t packet_bytes_max =
      options.packet_bytes_max == 0 ? Terms{}.packet_bytes_max : options.packet_bytes_max;
  while (!event && (phase == Phase::connecting || phase == Phase::connected)) {
    const auto frame = reader.next(packet_bytes_max, options.version);
    if (!frame) return fail(frame.error(), now);
    if (!*frame) return;
    if (phase == Phase::connected) {
      on_frame(**frame, event, now);
    } else {
      event = on_first_frame(**frame, now);
    }
  }
}

void Client::State::on_frame(const Frame& frame, Told& event, Instant now) {
  switch (frame.type) {
    case PacketType::publish:
      return on_publish(frame, event, now);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return on_ack(frame, event, now);
    case PacketType::suback:
    case PacketType::unsuback:
      event = on_answer(frame, now);
      return;
    case PacketType::pingresp:
      if (const auto packet = mqtt::decode_pingresp(frame); !packet) fail(packet.error(), now);
      return;
    case PacketType::disconnect:
      event = on_disconnect(frame, now);
      return;
    case PacketType::auth:
      event = on_auth(frame, now);
      return;
    default:
      return fail(unexpected_packet, now);
  }
}

/// The first packet is CONNACK [MQTT-3.2.0-1], but for AUTH in front of it.
std::optional<Event> Client::State::on_first_frame(const Frame& frame, Instant now) {
  if (frame.type == PacketType::connack) return on_connack(frame, now);
  if (frame.type == PacketType::auth) return on_auth(frame, now);
  fail(unexpected_packet, now);
  return std::nullopt;
}

std::optional<Event> Client::State::on_connack(const Frame& frame, Instant now) {
  const auto packet = mqtt::decode_connack(frame, options.version);
  if (!packet) {
    fail(packet.error(), now);
    return std::nullopt;
  }
  if (packet->reason != Reason::success) return refused(*packet, now);
  // [MQTT-3.2.2-2]: a session that this client has just thrown away cannot be there. A client that
  // did not, and knows of no state, goes on with the server's: its caller says which it wants.
  const bool clean = starts_clean();
  if (packet->session_present && clean) {
    fail({Reason::protocol_error, "a session that was not asked for"}, now);
    return std::nullopt;
  }
  last.connack = *packet;
  accept_terms(last.connack, now);
  // A CONNACK of 3.1 does not say whether there is a session: one that was asked for counts as
  // there.
  const bool present = options.version == Version::v3_1 ? !clean : last.connack.session_present;
  const bool had_state = sending.size() > 0 || !receiving.empty();
  if (!present) {  // [MQTT-3.2.2-5]
    sending.session_lost();
    receiving.session_lost();
  }
  return Connected{&last.connack, had_state && !present};
}

std::optional<Event> Client::State::refused(const mqtt::Connack& packet, Instant now) {
  if (packet.reason == Reason::unsupported_protocol_version) bridge_bit.refused();
  end({.cause = Disconnected::Cause::refused,
       .reason = packet.reason,
       .reason_string = packet.reason_string.value_or(""),
       .server_reference = packet.server_reference.value_or("")},
      now);
  return std::nullopt;
}

void Client::State::accept_terms(const mqtt::Connack& packet, Instant now) {
  terms = Terms{};
  terms.maximum_qos = Qos{packet.maximum_qos.value_or(2)};
  terms.retain_available = packet.retain_available.value_or(true);
  terms.wildcard_subscription_available = packet.wildcard_subscription_available.value_or(true);
  terms.subscription_identifiers_available =
      packet.subscription_identifiers_available.value_or(true);
  terms.shared_subscription_available = packet.shared_subscription_available.value_or(true);
  terms.receive_maximum = packet.receive_maximum.value_or(65'535);
  terms.topic_alias_maximum = packet.topic_alias_maximum.value_or(0);
  // [MQTT-3.1.2-21]
  terms.keep_alive_seconds = packet.server_keep_alive_seconds.value_or(options.keep_alive_seconds);
  terms.session_expiry_interval_seconds =
      packet.session_expiry_interval_seconds.value_or(options.session_expiry_interval_seconds);
  if (packet.maximum_packet_size_bytes) terms.packet_bytes_max = *packet.maximum_packet_size_bytes;
  if (packet.assigned_client_identifier) client_id = *packet.assigned_client_identifier;
  keep_alive.begin(terms.keep_alive_seconds, options.pingresp_milliseconds, now);
  outgoing_aliases.begin(std::min(options.topic_alias_out_max, terms.topic_alias_maximum));
  incoming_aliases.begin(options.topic_alias_in_max);
  receiving.begin(options.tolerates_excess ? 65'535 : options.receive_maximum, options.version,
                  options.handshakes);
  backoff.reset();
  accepted_before = true;
  bridge_bit.accepted();
  phase = Phase::connected;
}

void Client::State::on_publish(const Frame& frame, Told& event, Instant now) {
  using Taken = ReceiveWindow::Taken;
  Message& message = event.emplace().emplace<Message>();
  mqtt::Publish& publish = message.publish;
  if (auto read = mqtt::decode_publish_of_server(frame, options.version, publish); !read) {
    event.reset();
    return fail(read.error(), now);
  }
  if (publish.topic_alias != 0 && !resolve_alias(publish, now)) return event.reset();
  if (publish.qos == Qos::at_most_once) return;
  const std::size_t before = output.size();
  const auto [taken, receipt] = receiving.publish(publish, output);
  message.receipt = receipt;
  if (taken == Taken::fresh && options.acknowledge == Acknowledge::at_once) {
    receiving.acknowledge(receipt, Reason::success, output);
  }
  if (output.size() > before) keep_alive.sent(now);
  if (taken == Taken::fresh) return;
  event.reset();
  if (taken == Taken::too_many) {
    fail({Reason::receive_maximum_exceeded, "more messages than the Receive Maximum"}, now);
  } else if (taken == Taken::misused) {
    fail({Reason::protocol_error, "a message under an identifier that is being released"}, now);
  }
}

bool Client::State::resolve_alias(mqtt::Publish& publish, Instant now) {
  if (!incoming_aliases.allows(publish.topic_alias)) {
    fail({Reason::topic_alias_invalid, "a topic alias above the maximum"}, now);
    return false;
  }
  if (!publish.topic.empty()) {
    incoming_aliases.set(publish.topic_alias, publish.topic);
    return true;
  }
  publish.topic = incoming_aliases.find(publish.topic_alias);
  if (!publish.topic.empty()) return true;
  fail({Reason::protocol_error, "a topic alias that was not given"}, now);
  return false;
}

void Client::State::on_ack(const Frame& frame, Told& event, Instant now) {
  const auto packet = mqtt::decode_ack(frame, options.version);
  if (!packet) return fail(packet.error(), now);
  if (packet->type == PacketType::pubrel) return on_pubrel(*packet, event, now);
  SendWindow::Flight* const flight = sending.find(packet->packet_id);
  if (packet->type == PacketType::pubrec) return on_pubrec(*packet, flight, event, now);
  // An answer to nothing is harmless: a server may have sent it twice.
  if (flight == nullptr) return;
  const auto awaited =
      packet->type == PacketType::puback ? SendWindow::Phase::puback : SendWindow::Phase::pubcomp;
  if (flight->phase == awaited) return finished(*packet, *flight, event);
  fail({Reason::protocol_error, "an acknowledgement of another kind"}, now);
}

void Client::State::on_pubrec(const mqtt::Ack& packet, SendWindow::Flight* flight, Told& event,
                              Instant now) {
  if (flight != nullptr && flight->phase == SendWindow::Phase::puback) {
    return fail({Reason::protocol_error, "an acknowledgement of another kind"}, now);
  }
  if (packet.reason >= Reason::unspecified_error) {  // [MQTT-4.3.3-4]
    const bool awaited = flight != nullptr && flight->phase == SendWindow::Phase::pubrec;
    if (awaited) finished(packet, *flight, event);
    return;
  }
  if (flight != nullptr && relays()) return on_relayed_pubrec(packet.packet_id, *flight, event);
  mqtt::Ack release{.type = PacketType::pubrel, .packet_id = packet.packet_id};
  if (flight == nullptr) {
    release.reason = Reason::packet_identifier_not_found;
  } else if (flight->phase == SendWindow::Phase::pubrec) {
    sending.release(*flight);
  }
  encode(release, options.version, output);
  keep_alive.sent(now);
}

/// The caller answers. A PUBREC that comes twice on a connection tells nothing.
void Client::State::on_relayed_pubrec(PacketId id, SendWindow::Flight& flight, Told& event) {
  if (flight.phase != SendWindow::Phase::pubrec) return;
  sending.release(flight);
  event = Received{flight.token, id};
}

void Client::State::finished(const mqtt::Ack& packet, const SendWindow::Flight& flight,
                             Told& event) {
  Acknowledged& done = event.emplace().emplace<Acknowledged>();
  done.token = flight.token;
  done.packet_id = packet.packet_id;
  // PUBCOMP of an identifier that the server does not know any more is an end like any other.
  done.reason = packet.type == PacketType::pubcomp ? Reason::success : packet.reason;
  done.reason_string = packet.reason_string;
  sending.finish(packet.packet_id);
}

void Client::State::on_pubrel(const mqtt::Ack& packet, Told& event, Instant now) {
  const std::size_t before = output.size();
  const auto [taken, receipt] = receiving.release(packet.packet_id, output);
  const bool fresh = taken == ReceiveWindow::Taken::fresh;
  const bool at_once = options.acknowledge == Acknowledge::at_once;
  if (taken == ReceiveWindow::Taken::misused) {
    fail({Reason::protocol_error, "PUBREL before PUBREC"}, now);
  } else if (fresh && at_once) {
    receiving.acknowledge(receipt, Reason::success, output);
  }
  if (output.size() > before) keep_alive.sent(now);
  if (fresh && !at_once) event = Released{receipt};
}

std::optional<Event> Client::State::on_answer(const Frame& frame, Instant now) {
  auto packet = mqtt::decode_subscribe_answer(frame, options.version);
  if (!packet) {
    fail(packet.error(), now);
    return std::nullopt;
  }
  const auto request = requests.take(*packet, options.version);
  if (!request) {
    fail({Reason::protocol_error, "an answer to no request"}, now);
    return std::nullopt;
  }
  last.answer = std::move(*packet);
  return Answered{request->token, &last.answer};
}

std::optional<Event> Client::State::on_disconnect(const Frame& frame, Instant now) {
  const auto packet = mqtt::decode_disconnect(frame, options.version, mqtt::Side::server);
  if (!packet) {
    fail(packet.error(), now);
    return std::nullopt;
  }
  end({.cause = Disconnected::Cause::sent_away,
       .reason = packet->reason,
       .reason_string = packet->reason_string,
       .server_reference = packet->server_reference.value_or("")},
      now);
  return std::nullopt;
}

std::optional<Event> Client::State::on_auth(const Frame& frame, Instant now) {
  if (options.version != Version::v5_0 || !options.authentication_method) {  // [MQTT-4.12.0-6]
    fail(unexpected_packet, now);
    return std::nullopt;
  }
  const auto packet = mqtt::decode_auth(frame, mqtt::Side::server);
  if (!packet) {
    fail(packet.error(), now);
    return std::nullopt;
  }
  // CONNACK, and no AUTH, ends an authentication that CONNECT began [MQTT-4.12.0-2].
  if (phase == Phase::connecting && packet->reason != Reason::continue_authentication) {
    fail({Reason::protocol_error, "AUTH of success in place of CONNACK"}, now);
    return std::nullopt;
  }
  const bool other = packet->authentication_method &&
                     *packet->authentication_method != *options.authentication_method;
  if (other) {  // [MQTT-4.12.0-5]
    fail({Reason::protocol_error, "another authentication method"}, now);
    return std::nullopt;
  }
  last.auth = *packet;
  return Authentication{&last.auth};
}

}  // namespace client
