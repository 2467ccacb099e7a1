#include "broker/session_wire.h"

#include <set>
#include <string>
#include <utility>

#include "broker/core/soundness.h"
#include "broker/field_wire.h"
#include "broker/wire/topic.h"

namespace broker {

// Outside of the anonymous namespace: FieldWriter and FieldReader find them by their arguments.

static void walk(auto& wire, FieldsOf<SessionImage::Subscription> auto& one) {
  wire(one.share_name, one.filter, one.subscription_identifier, one.qos, one.no_local,
       one.retain_as_published);
}
static void walk(auto& wire, FieldsOf<SessionImage::Delivery> auto& one) {
  wire(one.number, one.message, one.subscription_identifiers, one.share_name, one.share_filter,
       one.qos, one.retain);
}
static void walk(auto& wire, FieldsOf<SessionImage::InFlightDelivery> auto& one) {
  wire(one.delivery, one.state, one.sent_before);
}
static void walk(auto& wire, FieldsOf<SessionImage::Will> auto& will) {
  wire(will.message, will.delay_interval_seconds, will.message_expiry_interval_seconds, will.due);
}
static void walk(auto& wire, FieldsOf<Promises> auto& promises) {
  wire(promises.maximum_packet_size_bytes, promises.receive_maximum, promises.topic_alias_maximum,
       promises.maximum_qos, promises.retain_available);
}
static void walk(auto& wire, FieldsOf<SessionImage::Connected> auto& one) {
  wire(one.address, one.tls_user_name, one.port, one.keep_alive_seconds, one.receive_maximum,
       one.topic_alias_maximum, one.maximum_packet_size_bytes, one.request_problem_information,
       one.promises, one.incoming_aliases, one.outgoing_aliases, one.unread);
}
static void walk(auto& wire, FieldsOf<SessionImage> auto& session) {
  wire(session.client_id, session.user_name, session.mount_point, session.listener, session.version,
       session.from_bridge, session.expiry_interval_seconds, session.expires, session.last_address,
       session.will, session.subscriptions, session.window, session.backlog, session.next_number,
       session.unsent, session.incoming_ids, session.connected);
}

namespace {

using Fault = std::string_view;
constexpr Fault sound;

/// A client id, a user name and the like: as CONNECT can hold them, and a mount point.
bool are_sound_names(const SessionImage& session) {
  return !session.client_id.empty() && is_sound_text(session.client_id) &&
         is_sound_text(session.user_name) && is_sound_text(session.mount_point) &&
         is_sound_text(session.last_address);
}

bool is_sound_share(std::string_view share_name, std::string_view filter) {
  if (share_name.empty()) return filter.empty();
  return is_sound_text(share_name) && share_name.find_first_of("/+#") == share_name.npos &&
         is_sound_filter(filter);
}

Fault fault_of(const SessionImage::Subscription& one) {
  if (!is_sound_filter(one.filter)) return "bad topic filter";
  if (!one.share_name.empty() && !is_sound_share(one.share_name, one.filter)) {
    return "bad share name";
  }
  if (!one.share_name.empty() && one.no_local) return "No Local on a shared subscription";
  if (one.subscription_identifier > mqtt::variable_byte_integer_max) {
    return "subscription identifier too large";
  }
  return sound;
}

Fault fault_of(const SessionImage::Delivery& one) {
  if (!is_sound_share(one.share_name, one.share_filter)) return "bad shared subscription";
  for (const std::uint32_t id : one.subscription_identifiers) {
    if (id == 0 || id > mqtt::variable_byte_integer_max) return "bad subscription identifier";
  }
  if (!one.message) return sound;
  return one.message->key == MessageKey{0} ? sound : "a message with the key of a store";
}

/// Whether a state is one of a delivery with this QoS; and the message is there until PUBREC.
bool fits(const SessionImage::InFlightDelivery& one) {
  using State = InFlight::State;
  const mqtt::Qos qos = one.delivery.qos;
  const bool released = one.state == State::release_unsent || one.state == State::awaiting_pubcomp;
  if (one.delivery.message.has_value() == released) return false;
  switch (one.state) {
    case State::free:
      return false;
    case State::unsent:
      return true;
    case State::awaiting_puback:
      return qos == mqtt::Qos::at_least_once;
    case State::awaiting_pubrec:
    case State::release_unsent:
    case State::awaiting_pubcomp:
      return qos == mqtt::Qos::exactly_once;
  }
  return false;
}

/// Numbers that increase, by far not all that there are.
class Numbers {
 public:
  [[nodiscard]] bool take(std::uint64_t number) noexcept {
    if (number < next_ || number > most) return false;
    next_ = number + 1;
    return true;
  }
  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }

 private:
  static constexpr std::uint64_t most = UINT64_MAX / 2;
  std::uint64_t next_ = 0;
};

Fault fault_of_deliveries(const SessionImage& session) {
  Numbers numbers;
  std::set<mqtt::PacketId> ids;
  for (const SessionImage::InFlightDelivery& one : session.window) {
    if (const Fault fault = fault_of(one.delivery); !fault.empty()) return fault;
    if (!fits(one)) return "a state that does not fit its delivery";
    if (!numbers.take(one.delivery.number)) return "numbers that do not increase";
    if (!ids.insert(packet_id_of(one.delivery.number)).second) return "a packet identifier twice";
  }
  for (const SessionImage::Delivery& one : session.backlog) {
    if (const Fault fault = fault_of(one); !fault.empty()) return fault;
    if (!one.message) return "a delivery without message";
    if (!numbers.take(one.number)) return "numbers that do not increase";
  }
  if (session.next_number < numbers.next() || session.next_number > UINT64_MAX / 2) {
    return "a next number that was given";
  }
  for (const SessionImage::Delivery& one : session.unsent) {
    if (const Fault fault = fault_of(one); !fault.empty()) return fault;
    if (!one.message || one.qos != mqtt::Qos::at_most_once) return "not QoS 0";
  }
  return sound;
}

Fault fault_of(const SessionImage::Connected& one) {
  if (!is_sound_text(one.address) || !is_sound_text(one.tls_user_name)) return "bad text";
  if (one.receive_maximum == 0) return "Receive Maximum of 0";
  for (const std::string& topic : one.incoming_aliases) {
    if (!topic.empty() && !mqtt::check_topic_name(topic)) return "alias of no topic name";
  }
  if (one.incoming_aliases.size() > one.promises.topic_alias_maximum) return "too many aliases";
  if (one.outgoing_aliases.size() > one.topic_alias_maximum) return "too many aliases";
  std::set<std::string_view> topics;
  for (const std::string& topic : one.outgoing_aliases) {
    if (!mqtt::check_topic_name(topic)) return "alias of no topic name";
    if (!topics.insert(topic).second) return "two aliases of one topic";
  }
  return sound;
}

Fault fault_of(const SessionImage& session) {
  if (!are_sound_names(session)) return "bad text";
  if (session.version < mqtt::Version::v3_1 || session.version > mqtt::Version::v5_0) {
    return "unknown version of the protocol";
  }
  if (!session.connected && session.expiry_interval_seconds == 0) {
    return "a session that ended with its connection";
  }
  if (session.will && session.will->message.key != MessageKey{0}) {
    return "a message with the key of a store";
  }
  for (const SessionImage::Subscription& one : session.subscriptions) {
    if (const Fault fault = fault_of(one); !fault.empty()) return fault;
  }
  std::set<mqtt::PacketId> ids;
  for (const mqtt::PacketId id : session.incoming_ids) {
    if (id == mqtt::PacketId{0} || !ids.insert(id).second) return "bad packet identifier";
  }
  if (const Fault fault = fault_of_deliveries(session); !fault.empty()) return fault;
  return session.connected ? fault_of(*session.connected) : sound;
}

}  // namespace

void encode(const SessionImage& session, Instant now, mqtt::ByteBuffer& out) {
  FieldWriter wire(now, out);
  wire(session_wire_version, session);
}

std::expected<SessionImage, std::string_view> decode_session(mqtt::Bytes bytes, Instant now) {
  FieldReader wire(now, bytes);
  if (wire.integer<std::uint8_t>() != session_wire_version) {
    return std::unexpected("another version");
  }
  SessionImage session;
  wire(session);
  if (const auto fault = wire.fault()) return std::unexpected(*fault);
  if (const Fault fault = fault_of(session); !fault.empty()) return std::unexpected(fault);
  return session;
}

}  // namespace broker
