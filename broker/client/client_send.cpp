// Messages and requests of a Client to its server.

#include <cassert>
#include <cstddef>
#include <optional>

#include "broker/client/client_state.h"
#include "broker/wire/ack.h"
#include "broker/wire/topic.h"

namespace client {

using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Reason;

namespace {

Accepted as_result(Reason objection) noexcept {
  return objection == Reason::qos_not_supported ? Accepted::qos_not_supported
                                                : Accepted::retain_not_supported;
}

}  // namespace

// Messages.

bool Client::has_room(Qos qos) const noexcept {
  const State& state = *state_;
  if (state.phase != Phase::connected || state.sending.resending() || !wants_input()) return false;
  if (qos == Qos::at_most_once) return true;
  const Options& options = state.options;
  return state.sending.size() < options.inflight_max &&
         state.sending.size_bytes() < options.inflight_bytes_max &&
         state.sending.quota_used() < state.terms.receive_maximum;
}

Accepted Client::publish(const Publication& publication, Token token, Instant now) {
  State& state = *state_;
  assert(mqtt::check_topic_name(publication.topic));
  if (state.phase != Phase::connected) return Accepted::not_connected;
  const auto objection = state.objection_to(publication.qos, publication.retain);
  if (objection) return as_result(*objection);
  if (!has_room(publication.qos)) {
    state.room_wanted = publication.qos;
    return Accepted::no_room;
  }
  PacketId id{0};
  if (publication.qos != Qos::at_most_once) {
    id = publication.packet_id == PacketId{0} ? state.free_id() : publication.packet_id;
    if (state.id_in_use(id)) return Accepted::id_in_use;
  }
  if (!state.write_publish(publication, id, publication.dup)) return Accepted::packet_too_large;
  if (id != PacketId{0}) {
    // Nothing to send again where handshakes are relayed: no copy of the message.
    const Publication kept =
        state.relays() ? Publication{.topic = {}, .qos = publication.qos} : publication;
    state.sending.add(id, kept, token, now);
  }
  state.keep_alive.sent(now);
  return Accepted::accepted;
}

void Client::acknowledge(const Receipt& receipt, Reason reason, Instant now) {
  State& state = *state_;
  assert(state.options.acknowledge == Acknowledge::by_caller);
  const std::size_t before = state.output.size();
  state.receiving.acknowledge(receipt, reason, state.output);
  if (state.output.size() > before) state.keep_alive.sent(now);
}

void Client::release(PacketId packet_id, Token token, Instant now) {
  State& state = *state_;
  assert(state.relays() && packet_id != PacketId{0});
  if (state.phase != Phase::connected) return;
  SendWindow::Flight* const flight = state.sending.find(packet_id);
  if (flight != nullptr && flight->phase != SendWindow::Phase::pubcomp) return;
  if (flight != nullptr) {
    flight->token = token;
  } else {
    state.sending.restore(
        {.packet_id = packet_id, .token = token, .qos = Qos::exactly_once, .released = true}, now);
  }
  encode(mqtt::Ack{.type = PacketType::pubrel, .packet_id = packet_id}, state.options.version,
         state.output);
  state.keep_alive.sent(now);
}

std::optional<Reason> Client::State::objection_to(Qos qos, bool retain) const noexcept {
  if (qos > terms.maximum_qos) return Reason::qos_not_supported;               // [MQTT-3.2.2-11]
  if (retain && !terms.retain_available) return Reason::retain_not_supported;  // [MQTT-3.2.2-14]
  return std::nullopt;
}

bool Client::State::write_publish(const Publication& publication, PacketId id, bool dup) {
  mqtt::OutgoingPublish packet{
      .topic = publication.topic,
      .payload = publication.payload,
      .properties = publication.properties,
      .packet_id = id,
      .qos = publication.qos,
      .retain = publication.retain,
      .dup = dup,
      .message_expiry_interval_seconds = publication.message_expiry_interval_seconds};
  const std::size_t size_bytes = encoded_size(packet, options.version);
  if (size_bytes > terms.packet_bytes_max) return false;
  // An alias takes three bytes, and may make a length field longer: a packet that is nearly too
  // large, and one with a topic as short as that, goes without.
  constexpr std::size_t alias_bytes_max = 5;
  if (publication.topic.size() > 3 && size_bytes + alias_bytes_max <= terms.packet_bytes_max) {
    const OutgoingAliases::Use use = outgoing_aliases.use(publication.topic);
    packet.topic_alias = use.alias;
    if (use.known) packet.topic = {};
  }
  encode(packet, options.version, output);
  return true;
}

/// Where the caller names identifiers, those of requests come from the other end of their range.
PacketId Client::State::free_id() {
  do {
    if (relays()) {
      last_id = last_id <= 1 ? std::uint16_t{65'535} : static_cast<std::uint16_t>(last_id - 1);
    } else {
      last_id = last_id == 65'535 ? std::uint16_t{1} : static_cast<std::uint16_t>(last_id + 1);
    }
  } while (id_in_use(PacketId{last_id}));
  return PacketId{last_id};
}

std::optional<Event> Client::State::send_again(Instant now) {
  while (output.size() < options.output_bytes_max) {
    const PacketId id = sending.next_to_resend();
    if (id == PacketId{0}) return std::nullopt;
    SendWindow::Flight& flight = *sending.find(id);
    if (flight.phase == SendWindow::Phase::pubcomp) {
      encode(mqtt::Ack{.type = PacketType::pubrel, .packet_id = id}, options.version, output);
      sending.sent_again(id);
    } else {
      if (sending.quota_used() >= terms.receive_maximum) return std::nullopt;
      const Publication publication = flight.publication.view(now);
      auto objection = objection_to(publication.qos, publication.retain);
      if (!objection && !write_publish(publication, id, flight.sent_before)) {
        objection = Reason::packet_too_large;
      }
      if (objection) {
        const Token token = flight.token;
        sending.finish(id);
        return Dropped{token, *objection};
      }
      sending.sent_again(id);
    }
    keep_alive.sent(now);
  }
  return std::nullopt;
}

// Requests.

bool Client::State::fits(std::size_t start) {
  if (output.size() - start <= terms.packet_bytes_max) return true;
  output.truncate(start);
  return false;
}

template <typename Packet>
Accepted Client::State::request(Packet& packet, PacketType answer_type, std::size_t filters,
                                Token token, Instant now) {
  if (phase != Phase::connected) return Accepted::not_connected;
  if (requests.size() >= options.requests_max || output.size() >= options.output_bytes_max) {
    return Accepted::no_room;
  }
  packet.packet_id = free_id();
  const std::size_t start = output.size();
  encode(packet, options.version, output);
  if (!fits(start)) return Accepted::packet_too_large;
  requests.add(packet.packet_id, {answer_type, filters, token});
  keep_alive.sent(now);
  return Accepted::accepted;
}

Accepted Client::subscribe(mqtt::Subscribe packet, Token token, Instant now) {
  return state_->request(packet, PacketType::suback, packet.entries.size(), token, now);
}

Accepted Client::unsubscribe(mqtt::Unsubscribe packet, Token token, Instant now) {
  return state_->request(packet, PacketType::unsuback, packet.filters.size(), token, now);
}

Accepted Client::authenticate(Reason reason, mqtt::Bytes data, Instant now) {
  State& state = *state_;
  assert(state.options.authentication_method);
  assert(reason == Reason::continue_authentication || reason == Reason::re_authenticate);
  const bool early = reason == Reason::continue_authentication && state.phase == Phase::connecting;
  if (!early && state.phase != Phase::connected) return Accepted::not_connected;
  const std::size_t start = state.output.size();
  mqtt::Auth packet{.reason = reason};
  packet.authentication_method = *state.options.authentication_method;
  if (!data.empty()) packet.authentication_data = data;
  encode(packet, state.output);
  if (!state.fits(start)) return Accepted::packet_too_large;
  state.keep_alive.sent(now);
  return Accepted::accepted;
}

}  // namespace client
