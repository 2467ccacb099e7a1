#include "tools/null-relay/switchboard.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "broker/wire/connack.h"
#include "broker/wire/connect.h"
#include "broker/wire/cursor.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/framer.h"
#include "broker/wire/subscribe.h"

namespace relay {
namespace {

using mqtt::PacketType;

mqtt::Qos qos_of(const Packet& packet) {
  return static_cast<mqtt::Qos>(packet.first_byte() >> 1U & 3U);
}

/// The first byte of a packet that is passed on: with this QoS, no DUP, no RETAIN.
std::byte first_byte(mqtt::Qos qos) {
  return static_cast<std::byte>(static_cast<unsigned>(PacketType::publish) << 4U |
                                static_cast<unsigned>(qos) << 1U);
}

mqtt::Frame frame_of(const Packet& packet) {
  return {.type = packet.type(),
          .flags = static_cast<std::uint8_t>(packet.first_byte() & 0x0FU),
          .body = packet.body(),
          .size_bytes = packet.whole.size()};
}

}  // namespace

bool Switchboard::handle(Peer& from, const Packet& packet) {
  switch (packet.type()) {
    case PacketType::publish:
      return on_publish(from, packet);
    case PacketType::pubrec:
      return on_ack(from, packet, PacketType::pubrel);
    case PacketType::pubrel:
      return on_ack(from, packet, PacketType::pubcomp);
    case PacketType::connect:
      return on_connect(from, packet);
    case PacketType::subscribe:
      return on_subscribe(from, packet);
    case PacketType::pingreq:
      answer_.clear();
      mqtt::encode_pingresp(answer_);
      send_copy(from, answer_.view());
      return true;
    case PacketType::puback:
    case PacketType::pubcomp:
      return true;
    default:
      return false;
  }
}

bool Switchboard::on_connect(Peer& from, const Packet& packet) {
  const auto connect = mqtt::decode_connect(packet.body());
  if (!connect) return false;
  from.version = connect->version;
  answer_.clear();
  mqtt::encode(mqtt::Connack{}, from.version, answer_);
  send_copy(from, answer_.view());
  return true;
}

bool Switchboard::on_subscribe(Peer& from, const Packet& packet) {
  const auto subscribe = mqtt::decode_subscribe(frame_of(packet), from.version);
  if (!subscribe) return false;
  std::vector<mqtt::Reason> granted;
  for (const mqtt::SubscribeEntry& entry : subscribe->entries) {
    routes_.subscribe(from, entry.filter, entry.qos);
    granted.push_back(static_cast<mqtt::Reason>(entry.qos));
  }
  answer_.clear();
  mqtt::encode_suback(subscribe->packet_id, granted, from.version, answer_);
  send_copy(from, answer_.view());
  return true;
}

bool Switchboard::on_ack(Peer& from, const Packet& packet, PacketType answer) {
  if (packet.body().size() < 2) return false;
  acknowledge(from, answer, packet.body().first(2));
  return true;
}

bool Switchboard::on_publish(Peer& from, const Packet& packet) {
  const mqtt::Qos qos = qos_of(packet);
  mqtt::Cursor cursor(packet.body());
  const auto topic = cursor.text();
  if (!topic) return false;
  if (qos == mqtt::Qos::at_most_once) {
    for (const Receiver& receiver : routes_.receivers(*topic)) {
      turn_.send(*receiver.peer, packet.whole);
    }
    return true;
  }
  const std::size_t offset = packet.whole.size() - cursor.rest().size();
  const auto packet_id = cursor.take(2);
  if (!packet_id) return false;
  const bool once = qos == mqtt::Qos::at_least_once;
  acknowledge(from, once ? PacketType::puback : PacketType::pubrec, *packet_id);
  for (const Receiver& receiver : routes_.receivers(*topic)) {
    forward(*receiver.peer, std::min(qos, receiver.qos), packet, offset);
  }
  return true;
}

void Switchboard::acknowledge(Peer& to, PacketType type, mqtt::Bytes packet_id) {
  std::byte* const place = turn_.make(4);
  const unsigned flags = type == PacketType::pubrel ? 2U : 0U;
  place[0] = static_cast<std::byte>(static_cast<unsigned>(type) << 4U | flags);
  place[1] = std::byte{2};
  place[2] = packet_id[0];
  place[3] = packet_id[1];
  turn_.send(to, {place, 4});
}

void Switchboard::forward(Peer& to, mqtt::Qos qos, const Packet& packet,
                          std::size_t packet_id_offset) {
  if (qos == mqtt::Qos::at_most_once) return forward_without_id(to, packet, packet_id_offset);
  std::byte* const place = turn_.make(packet.whole.size());
  std::memcpy(place, packet.whole.data(), packet.whole.size());
  if (++to.packet_id == 0) ++to.packet_id;
  place[0] = first_byte(qos);
  mqtt::put_two_byte_integer(place + packet_id_offset, to.packet_id);
  turn_.send(to, {place, packet.whole.size()});
}

void Switchboard::forward_without_id(Peer& to, const Packet& packet, std::size_t packet_id_offset) {
  const mqtt::Bytes body = packet.body();
  const std::size_t before = packet_id_offset - packet.header_bytes;
  const auto length = static_cast<std::uint32_t>(body.size() - 2);
  std::byte* const begin = turn_.make(mqtt::fixed_header_size(length) + length);
  *begin = first_byte(mqtt::Qos::at_most_once);
  std::byte* end = mqtt::put_variable_byte_integer(begin + 1, length);
  end = mqtt::put_bytes(end, body.first(before));
  end = mqtt::put_bytes(end, body.subspan(before + 2));
  turn_.send(to, {begin, end});
}

void Switchboard::send_copy(Peer& to, mqtt::Bytes bytes) {
  std::byte* const place = turn_.make(bytes.size());
  mqtt::put_bytes(place, bytes);
  turn_.send(to, {place, bytes.size()});
}

}  // namespace relay
