#include "test/vectors/decode_any.h"

#include <concepts>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "broker/wire/ack.h"
#include "broker/wire/connack.h"
#include "broker/wire/connect.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"

namespace vectors {
namespace {

using mqtt::Bytes;
using mqtt::Decoded;
using mqtt::Failure;
using mqtt::Frame;
using mqtt::PacketType;
using mqtt::Reason;
using mqtt::Side;
using mqtt::Version;

std::size_t sum(Bytes bytes) {
  std::size_t total = 0;
  for (const std::byte byte : bytes) total += std::to_integer<std::size_t>(byte);
  return total;
}
std::size_t sum(std::string_view text) { return sum(mqtt::as_bytes(text)); }

/// A text of all members of a packet, each of them in brackets, and what they point to in whole.
class Meaning {
 public:
  Meaning& operator<<(std::string_view value) {
    text_.append("[").append(value).append("]");
    return *this;
  }
  Meaning& operator<<(Bytes value) { return *this << mqtt::as_text(value); }
  template <typename Value>
    requires std::integral<Value> || std::is_enum_v<Value>
  Meaning& operator<<(Value value) {
    return *this << std::string_view(std::to_string(static_cast<std::uint64_t>(value)));
  }
  template <typename Value>
  Meaning& operator<<(const std::optional<Value>& value) {
    if (!value) return *this << "none";
    return *this << "some" << *value;
  }
  Meaning& operator<<(const mqtt::UserProperties& value) {
    value.for_each([&](std::string_view name, std::string_view text) { *this << name << text; });
    return *this << value.empty();
  }
  Meaning& operator<<(const mqtt::SubscribeEntry& value) {
    return *this << value.filter << value.qos << value.no_local << value.retain_as_published
                 << value.retain_handling;
  }
  template <typename Value>
  Meaning& operator<<(const std::vector<Value>& values) {
    for (const Value& value : values) *this << value;
    return *this << values.size();
  }
  std::string text() && { return std::move(text_); }

 private:
  std::string text_;
};

std::string forwarded(Bytes properties) {
  mqtt::ByteBuffer out;
  forwarded_properties(properties, out);
  return std::string(mqtt::as_text(out.view()));
}

void tell(Meaning& meaning, const mqtt::Connect& packet) {
  meaning << packet.version << packet.from_bridge << packet.clean_start << packet.keep_alive_seconds
          << packet.client_id << packet.user_name << packet.password
          << packet.session_expiry_interval_seconds << packet.receive_maximum
          << packet.maximum_packet_size_bytes << packet.topic_alias_maximum
          << packet.request_response_information << packet.request_problem_information
          << packet.authentication_method << packet.authentication_data << packet.user_properties
          << packet.will.has_value();
  if (!packet.will) return;
  const mqtt::Will& will = *packet.will;
  meaning << will.topic << will.payload << will.qos << will.retain << will.delay_interval_seconds
          << will.message_expiry_interval_seconds << forwarded(will.properties);
}
void tell(Meaning& meaning, const mqtt::Connack& packet) {
  meaning << packet.session_present << packet.reason << packet.topic_alias_maximum
          << packet.assigned_client_identifier << packet.server_keep_alive_seconds
          << packet.retain_available << packet.maximum_packet_size_bytes << packet.receive_maximum
          << packet.maximum_qos << packet.session_expiry_interval_seconds
          << packet.wildcard_subscription_available << packet.subscription_identifiers_available
          << packet.shared_subscription_available << packet.response_information
          << packet.server_reference << packet.authentication_method << packet.authentication_data
          << packet.reason_string << packet.user_properties;
}
void tell(Meaning& meaning, const mqtt::Publish& packet) {
  // 3.1 lets DUP stand with QoS 0, where it means nothing.
  meaning << packet.topic << packet.payload << forwarded(packet.properties) << packet.packet_id
          << packet.qos << packet.retain << (packet.dup && packet.qos != mqtt::Qos::at_most_once)
          << packet.topic_alias << packet.message_expiry_interval_seconds;
  mqtt::for_each_subscription_identifier(packet.properties,
                                         [&](std::uint32_t id) { meaning << id; });
}
void tell(Meaning& meaning, const mqtt::Ack& packet) {
  meaning << packet.type << packet.packet_id << packet.reason << packet.reason_string
          << packet.user_properties;
}
void tell(Meaning& meaning, const mqtt::Subscribe& packet) {
  meaning << packet.packet_id << packet.subscription_identifier << packet.entries
          << packet.user_properties;
}
void tell(Meaning& meaning, const mqtt::Unsubscribe& packet) {
  meaning << packet.packet_id << packet.filters << packet.user_properties;
}
void tell(Meaning& meaning, const mqtt::SubscribeAnswer& packet) {
  meaning << packet.type << packet.packet_id << packet.reasons << packet.reason_string
          << packet.user_properties;
}
void tell(Meaning& meaning, const mqtt::Disconnect& packet) {
  meaning << packet.reason << packet.session_expiry_interval_seconds << packet.reason_string
          << packet.server_reference << packet.user_properties;
}
void tell(Meaning& meaning, const mqtt::Auth& packet) {
  meaning << packet.reason << packet.authentication_method << packet.authentication_data
          << packet.reason_string << packet.user_properties;
}
void tell(Meaning& /*meaning*/, bool /*ping*/) {}

void write(const mqtt::Connect& packet, Version /*version*/, Side /*sent_by*/,
           mqtt::ByteBuffer& out) {
  encode(packet, out);
}
void write(const mqtt::Publish& packet, Version version, Side /*sent_by*/, mqtt::ByteBuffer& out) {
  const std::string properties = forwarded(packet.properties);
  std::vector<std::uint32_t> identifiers;
  mqtt::for_each_subscription_identifier(packet.properties,
                                         [&](std::uint32_t id) { identifiers.push_back(id); });
  encode(
      mqtt::OutgoingPublish{
          .topic = packet.topic,
          .payload = packet.payload,
          .properties = mqtt::as_bytes(properties),
          .packet_id = packet.packet_id,
          .qos = packet.qos,
          .retain = packet.retain,
          .dup = packet.dup,
          .topic_alias = packet.topic_alias,
          .message_expiry_interval_seconds = packet.message_expiry_interval_seconds,
          .subscription_identifiers = identifiers,
      },
      version, out);
}
void write(const mqtt::Disconnect& packet, Version version, Side sent_by, mqtt::ByteBuffer& out) {
  encode(packet, version, sent_by, out);
}
void write(const mqtt::Auth& packet, Version /*version*/, Side /*sent_by*/, mqtt::ByteBuffer& out) {
  encode(packet, out);
}
void write(bool /*ping*/, Version /*version*/, Side sent_by, mqtt::ByteBuffer& out) {
  sent_by == Side::client ? mqtt::encode_pingreq(out) : mqtt::encode_pingresp(out);
}
template <typename Packet>
void write(const Packet& packet, Version version, Side /*sent_by*/, mqtt::ByteBuffer& out) {
  encode(packet, version, out);
}

template <typename Packet>
std::string meaning_of(const Packet& packet) {
  Meaning meaning;
  tell(meaning, packet);
  return std::move(meaning).text();
}

/// Calls `visit(Decoded<Packet>)` with what the decoder of the frame's type says.
template <typename Visit>
auto visit_decoded(const Frame& frame, Version version, Side sent_by, Visit&& visit) {
  const bool client = sent_by == Side::client;
  switch (frame.type) {
    case PacketType::publish:
      return visit(decode_publish(frame, version, sent_by));
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return visit(decode_ack(frame, version));
    case PacketType::disconnect:
      return visit(decode_disconnect(frame, version, sent_by));
    case PacketType::auth:
      if (version == Version::v5_0) return visit(decode_auth(frame, sent_by));
      break;
    case PacketType::connect:
      if (client) return visit(mqtt::decode_connect(frame.body, frame.flags));
      break;
    case PacketType::subscribe:
      if (client) return visit(decode_subscribe(frame, version));
      break;
    case PacketType::unsubscribe:
      if (client) return visit(decode_unsubscribe(frame, version));
      break;
    case PacketType::pingreq:
      if (client) return visit(decode_pingreq(frame));
      break;
    case PacketType::connack:
      if (!client) return visit(decode_connack(frame, version));
      break;
    case PacketType::suback:
    case PacketType::unsuback:
      if (!client) return visit(decode_subscribe_answer(frame, version));
      break;
    case PacketType::pingresp:
      if (!client) return visit(decode_pingresp(frame));
      break;
  }
  return visit(Decoded<bool>(mqtt::refused(Reason::protocol_error, "not a packet of that side")));
}

}  // namespace

Outcome decode_frame(const Frame& frame, Version version, Side sent_by) {
  return visit_decoded(frame, version, sent_by, [](const auto& decoded) -> Outcome {
    if (!decoded) return {.failure = decoded.error(), .bytes_seen = sum(decoded.error().what)};
    return {.failure = {}, .bytes_seen = sum(meaning_of(*decoded))};
  });
}

Outcome decode_any(Bytes bytes, Version version, Side sent_by) {
  const auto frame = mqtt::next_frame(bytes, std::numeric_limits<std::size_t>::max(), version);
  if (!frame) return {.failure = frame.error()};
  if (!*frame) return {.complete = false, .failure = {}};
  return decode_frame(**frame, version, sent_by);
}

Decoded<Rewritten> rewrite(const Frame& frame, Version version, Side sent_by) {
  return visit_decoded(frame, version, sent_by, [&](const auto& decoded) -> Decoded<Rewritten> {
    if (!decoded) return std::unexpected(decoded.error());
    mqtt::ByteBuffer out;
    write(*decoded, version, sent_by, out);
    return Rewritten{meaning_of(*decoded), std::string(mqtt::as_text(out.view()))};
  });
}

}  // namespace vectors
