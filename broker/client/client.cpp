#include "broker/client/client.h"

#include <cassert>
#include <utility>

#include "broker/client/client_state.h"
#include "broker/wire/ack.h"
#include "broker/wire/connect.h"
#include "broker/wire/topic.h"

namespace client {

using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Qos;
using mqtt::Reason;
using mqtt::Version;

namespace {

/// A buffer of output that was larger once is not kept over connections.
constexpr std::size_t output_bytes_kept = 65'536;

[[maybe_unused]] bool are_sound(const Options& options) noexcept {
  const bool v5 = options.version == Version::v5_0;
  return options.inflight_max > 0 && options.receive_maximum > 0 &&
         (v5 || !options.password || options.user_name) &&
         (v5 || !options.client_id.empty() || options.clean_start) &&
         (!options.will || mqtt::check_topic_name(options.will->topic)) &&
         (options.authentication_method || options.authentication_data.empty());
}

Accepted as_result(Reason objection) noexcept {
  return objection == Reason::qos_not_supported ? Accepted::qos_not_supported
                                                : Accepted::retain_not_supported;
}

}  // namespace

Client::Client(Options options) : state_(std::make_unique<State>(std::move(options))) {
  assert(are_sound(state_->options));
}

Client::~Client() = default;
Client::Client(Client&& other) noexcept = default;
Client& Client::operator=(Client&& other) noexcept = default;

// The connection.

void Client::start(Instant now) {
  if (state_->phase != Phase::idle) return;
  state_->phase = Phase::waiting;
  state_->deadline = now;
}

void Client::opened(Instant now) {
  State& state = *state_;
  assert(state.phase != Phase::connecting && state.phase != Phase::connected);
  state.ended.reset();
  if (state.output.capacity() > output_bytes_kept) state.output.reset();
  state.output.clear();
  state.phase = Phase::connecting;
  state.deadline = broker::after_milliseconds(now, state.options.connack_milliseconds);
  state.write_connect();
}

void Client::closed(Instant now) {
  State& state = *state_;
  if (state.phase == Phase::idle || state.phase == Phase::waiting) return;
  if (state.phase == Phase::connecting) state.bridge_bit.closed_silently();
  state.end({.cause = Disconnected::Cause::closed}, now);
}

void Client::feed(mqtt::Bytes bytes, Instant now) {
  State& state = *state_;
  if (state.phase != Phase::connecting && state.phase != Phase::connected) return;
  state.keep_alive.received(now);
  state.reader.feed(bytes);
}

std::optional<Event> Client::next(Instant now) {
  State& state = *state_;
  if (state.look_at_time(now)) return Open{};
  if (!state.ended) {
    if (const auto token = state.sending.take_finished()) {
      return Acknowledged{*token, Reason::success, {}};
    }
    if (state.phase == Phase::connected && state.sending.resending()) {
      if (auto dropped = state.send_again(now)) return dropped;
    }
    if (auto event = state.receive(now)) return event;
  }
  if (state.ended) return *std::exchange(state.ended, std::nullopt);
  if (state.room_wanted && has_room(*state.room_wanted)) {
    state.room_wanted.reset();
    return Room{};
  }
  return std::nullopt;
}

std::optional<Instant> Client::next_wake() const noexcept {
  switch (state_->phase) {
    case Phase::waiting:
    case Phase::connecting:
      return state_->deadline;
    case Phase::connected:
      return state_->keep_alive.next_wake();
    default:
      return std::nullopt;
  }
}

mqtt::ByteBuffer& Client::output() noexcept { return state_->output; }

bool Client::wants_input() const noexcept {
  return state_->output.size() < state_->options.output_bytes_max;
}

void Client::disconnect(const mqtt::Disconnect& packet, Instant now) {
  State& state = *state_;
  if (state.phase == Phase::idle) return;
  const bool open = state.phase == Phase::connecting || state.phase == Phase::connected;
  if (open) state.write_disconnect(packet);
  state.end({.cause = Disconnected::Cause::asked, .reason = packet.reason}, now);
}

void Client::State::write_connect() {
  mqtt::Connect packet;
  packet.version = options.version;
  packet.from_bridge = bridge_bit.is_set();
  packet.clean_start = starts_clean();
  packet.keep_alive_seconds = options.keep_alive_seconds;
  packet.client_id = client_id;
  if (options.user_name) packet.user_name = *options.user_name;
  if (options.password) packet.password = mqtt::as_bytes(*options.password);
  if (options.will) {
    const WillOptions& will = *options.will;
    packet.will = mqtt::Will{will.topic,
                             mqtt::as_bytes(will.payload),
                             will.qos,
                             will.retain,
                             will.delay_interval_seconds,
                             will.message_expiry_interval_seconds,
                             mqtt::as_bytes(will.properties)};
  }
  packet.session_expiry_interval_seconds = options.session_expiry_interval_seconds;
  packet.receive_maximum = options.receive_maximum;
  packet.maximum_packet_size_bytes = options.packet_bytes_max;
  packet.topic_alias_maximum = options.topic_alias_in_max;
  packet.request_response_information = options.request_response_information;
  packet.request_problem_information = options.request_problem_information;
  if (options.authentication_method) {
    packet.authentication_method = *options.authentication_method;
    if (!options.authentication_data.empty()) {
      packet.authentication_data = mqtt::as_bytes(options.authentication_data);
    }
  }
  packet.user_properties = mqtt::UserProperties(mqtt::as_bytes(options.user_properties));
  encode(packet, output);
}

bool Client::State::starts_clean() const noexcept {
  const bool outlives =
      options.version == Version::v5_0 && options.session_expiry_interval_seconds > 0;
  return options.clean_start && !(outlives && accepted_before);
}

void Client::State::end(Disconnected why, Instant now) {
  // The packet that they stand in goes with the reader.
  last.reason_string = why.reason_string;
  last.server_reference = why.server_reference;
  why.reason_string = last.reason_string;
  why.server_reference = last.server_reference;
  phase = Phase::idle;
  if (options.reconnect.enabled && why.cause != Disconnected::Cause::asked) {
    phase = Phase::waiting;
    deadline = broker::after_milliseconds(now, backoff.next_delay());
    why.opens = deadline;
  }
  sending.connection_lost();
  receiving.connection_lost();
  requests.clear();
  reader.reset();
  keep_alive.stop();
  room_wanted.reset();
  ended = why;
}

void Client::State::fail(const mqtt::Failure& failure, Instant now) {
  // Before CONNACK it is the server that speaks, and nothing but a closed connection answers it.
  if (phase == Phase::connected && options.version == Version::v5_0) {
    write_disconnect({.reason = failure.reason});
  }
  end({.cause = Disconnected::Cause::fault, .reason = failure.reason, .what = failure.what}, now);
}

void Client::State::write_disconnect(const mqtt::Disconnect& packet) {
  const std::size_t start = output.size();
  encode(packet, options.version, mqtt::Side::client, output);
  if (fits(start)) return;
  encode(mqtt::Disconnect{.reason = packet.reason}, options.version, mqtt::Side::client, output);
}

bool Client::State::look_at_time(Instant now) {
  using Cause = Disconnected::Cause;
  if (phase == Phase::waiting && !ended && now >= deadline) {
    phase = Phase::opening;
    return true;
  }
  if (phase == Phase::connecting && now >= deadline) end({.cause = Cause::connack_timeout}, now);
  if (phase != Phase::connected) return false;
  switch (keep_alive.due(now)) {
    case KeepAlive::Due::nothing:
      break;
    case KeepAlive::Due::ping:
      mqtt::encode_pingreq(output);
      keep_alive.pinged(now);
      break;
    case KeepAlive::Due::lost:
      // No server is there to read a DISCONNECT.
      end({.cause = Cause::keep_alive_timeout, .reason = Reason::keep_alive_timeout}, now);
      break;
  }
  return false;
}

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
  if (!state.write_publish(publication, id, false)) return Accepted::packet_too_large;
  if (id != PacketId{0}) state.sending.add(id, publication, token, now);
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

PacketId Client::State::free_id() {
  do {
    last_id = last_id == 65'535 ? std::uint16_t{1} : static_cast<std::uint16_t>(last_id + 1);
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

// Its knowledge of the connection.

bool Client::connected() const noexcept { return state_->phase == Phase::connected; }
const Terms& Client::terms() const noexcept { return state_->terms; }
std::string_view Client::client_id() const noexcept { return state_->client_id; }
bool Client::says_bridge() const noexcept { return state_->bridge_bit.is_set(); }
std::size_t Client::in_flight() const noexcept { return state_->sending.size(); }

// The session.

SavedSession Client::save(Instant now) const {
  return {state_->sending.save(now), state_->receiving.save()};
}

void Client::restore(const SavedSession& session, Instant now) {
  State& state = *state_;
  assert(state.phase == Phase::idle && !state.accepted_before);
  for (const SavedSession::Outgoing& saved : session.outgoing) state.sending.restore(saved, now);
  state.sending.connection_lost();
  for (const PacketId id : session.incoming) state.receiving.restore(id);
}

}  // namespace client
