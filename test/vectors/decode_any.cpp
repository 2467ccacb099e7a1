#include "test/vectors/decode_any.h"

#include <limits>
#include <string_view>

#include "broker/wire/ack.h"
#include "broker/wire/connect.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"

namespace vectors {
namespace {

using mqtt::Ack;
using mqtt::Auth;
using mqtt::Bytes;
using mqtt::Connect;
using mqtt::Decoded;
using mqtt::Disconnect;
using mqtt::Failure;
using mqtt::Frame;
using mqtt::PacketType;
using mqtt::Publish;
using mqtt::Reason;
using mqtt::Subscribe;
using mqtt::Unsubscribe;
using mqtt::Version;

std::size_t sum(Bytes bytes) {
  std::size_t total = 0;
  for (const std::byte byte : bytes) total += std::to_integer<std::size_t>(byte);
  return total;
}
std::size_t sum(std::string_view text) { return sum(mqtt::as_bytes(text)); }

std::size_t sum_forwarded(Bytes properties) {
  mqtt::ByteBuffer forwarded;
  forwarded_properties(properties, forwarded);
  return sum(forwarded.view());
}

std::size_t sum(const Connect& connect) {
  std::size_t total = sum(connect.client_id) + sum(connect.user_name.value_or("")) +
                      sum(connect.password.value_or(Bytes{})) +
                      sum(connect.authentication_method.value_or(""));
  if (!connect.will) return total;
  total += sum(connect.will->topic) + sum(connect.will->payload) + sum(connect.will->properties);
  return total + sum_forwarded(connect.will->properties);
}
std::size_t sum(const Publish& publish) {
  return sum(publish.topic) + sum(publish.payload) + sum(publish.properties) +
         sum_forwarded(publish.properties);
}
std::size_t sum(const Ack& ack) { return sum(ack.reason_string); }
std::size_t sum(const Subscribe& subscribe) {
  std::size_t total = 0;
  for (const mqtt::SubscribeEntry& entry : subscribe.entries) total += sum(entry.filter);
  return total;
}
std::size_t sum(const Unsubscribe& unsubscribe) {
  std::size_t total = 0;
  for (const std::string_view filter : unsubscribe.filters) total += sum(filter);
  return total;
}
std::size_t sum(const Disconnect& disconnect) { return sum(disconnect.reason_string); }
std::size_t sum(const Auth& auth) { return sum(auth.authentication_method.value_or("")); }
std::size_t sum(bool) { return 0; }

template <typename Packet>
Outcome outcome(const Decoded<Packet>& decoded) {
  if (!decoded) return {.failure = decoded.error(), .bytes_seen = sum(decoded.error().what)};
  return {.failure = {}, .bytes_seen = sum(*decoded)};
}

}  // namespace

Outcome decode_frame(const Frame& frame, Version version) {
  switch (frame.type) {
    case PacketType::connect:
      return outcome(mqtt::decode_connect(frame.body, frame.flags));
    case PacketType::publish:
      return outcome(decode_publish(frame, version));
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return outcome(decode_ack(frame, version));
    case PacketType::subscribe:
      return outcome(decode_subscribe(frame, version));
    case PacketType::unsubscribe:
      return outcome(decode_unsubscribe(frame, version));
    case PacketType::pingreq:
      return outcome(decode_pingreq(frame));
    case PacketType::disconnect:
      return outcome(decode_disconnect(frame, version));
    case PacketType::auth:
      if (version == Version::v5_0) return outcome(decode_auth(frame));
      break;
    default:
      break;
  }
  return {.failure = Failure{Reason::protocol_error, "not a packet that clients send"}};
}

Outcome decode_any(Bytes bytes, Version version) {
  const auto frame = mqtt::next_frame(bytes, std::numeric_limits<std::size_t>::max(), version);
  if (!frame) return {.failure = frame.error()};
  if (!*frame) return {.complete = false, .failure = {}};
  return decode_frame(**frame, version);
}

}  // namespace vectors
