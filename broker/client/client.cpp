#include "broker/client/client.h"

#include <cassert>
#include <utility>

#include "broker/client/client_state.h"
#include "broker/wire/connect.h"
#include "broker/wire/topic.h"

namespace client {

using mqtt::PacketId;
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
         (options.authentication_method || options.authentication_data.empty()) &&
         (options.handshakes == Handshakes::kept || options.acknowledge == Acknowledge::by_caller);
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
  std::optional<Event> event;
  if (state.look_at_time(now)) {
    event = Open{};
    return event;
  }
  if (!state.ended) {
    if (const auto token = state.sending.take_finished()) {
      event = Acknowledged{*token, PacketId{0}, Reason::success, {}};
    } else if (state.phase == Phase::connected && state.sending.resending()) {
      event = state.send_again(now);
    }
    if (!event) state.receive(event, now);
  }
  if (event) return event;
  if (state.ended) {
    event = *std::exchange(state.ended, std::nullopt);
  } else if (state.room_wanted && has_room(*state.room_wanted)) {
    state.room_wanted.reset();
    event = Room{};
  }
  return event;
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

void Client::keep_input() { state_->reader.keep(); }

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
  bridge_bit.begin();
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
  if (relays()) {  // the other session sends again
    sending.forget();
    receiving.session_lost();
  }
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
