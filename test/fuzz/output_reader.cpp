#include "test/fuzz/output_reader.h"

#include <utility>

#include "broker/wire/ack.h"
#include "broker/wire/connack.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"
#include "test/fuzz/input.h"

namespace fuzz {
namespace {

using mqtt::Frame;
using mqtt::PacketType;

/// What a client's decoder, which is as strict as the broker's own, makes of a packet.
template <typename Packet>
Packet accepted_by_client(mqtt::Decoded<Packet> packet) {
  if (!packet) require(false, packet.error().what);
  return *std::move(packet);
}

}  // namespace

void OutputReader::announce(const Terms& terms) {
  terms_ = terms;
  announced_ = tame_ = true;
}

void OutputReader::asked(PacketType answer, std::uint16_t packet_id, std::size_t filters) {
  asked_[{answer, packet_id}].insert(filters);
}

void OutputReader::read(std::string_view text) {
  const auto copy = exact_copy(text);
  mqtt::Bytes bytes = copy;
  while (!bytes.empty()) {
    const auto frame = mqtt::next_frame(bytes, mqtt::variable_byte_integer_max + 5U);
    require(frame.has_value(), "output is made of packets");
    require(frame->has_value(), "output ends with a packet");
    packet(**frame);
    bytes = bytes.subspan((*frame)->size_bytes);
  }
}

void OutputReader::packet(const Frame& frame) {
  if (!announced_) return;
  require(!ended_, "nothing follows a refusal or a DISCONNECT");
  if (v5() && terms_.maximum_packet_size_bytes != 0) {
    require(frame.size_bytes <= terms_.maximum_packet_size_bytes,
            "no packet above the client's maximum [MQTT-3.1.2-24]");
  }
  const bool first = frame.type == PacketType::connack;
  require(accepted_ != first, "CONNACK is the first packet, and comes once [MQTT-3.2.0-1]");
  switch (frame.type) {
    case PacketType::connack:
      return on_connack(frame);
    case PacketType::publish:
      return on_publish(frame);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return on_ack(frame);
    case PacketType::suback:
    case PacketType::unsuback:
      return on_suback(frame);
    case PacketType::pingresp:
      return require(frame.body.empty(), "PINGRESP is empty");
    case PacketType::disconnect:
      return on_disconnect(frame);
    default:
      require(false, "a packet that servers send");
  }
}

void OutputReader::on_connack(const Frame& frame) {
  const auto connack = accepted_by_client(mqtt::decode_connack(frame, terms_.version));
  accepted_ = connack.reason == mqtt::Reason::success;
  ended_ = !accepted_;  // [MQTT-3.2.2-7]
}

void OutputReader::on_publish(const Frame& frame) {
  const auto publish =
      accepted_by_client(mqtt::decode_publish(frame, terms_.version, mqtt::Side::server));
  const std::uint16_t alias = publish.topic_alias;
  require(alias <= terms_.topic_alias_maximum, "no alias above the maximum [MQTT-3.1.2-26]");
  if (publish.topic.empty()) {
    require(aliases_.contains(alias), "an alias that was given before");
  } else if (alias != 0) {
    aliases_.insert(alias);
  }
  if (publish.qos == mqtt::Qos::at_most_once) return;
  const auto id = static_cast<std::uint16_t>(publish.packet_id);
  const bool once = publish.qos == mqtt::Qos::exactly_once;
  due.push_back({once ? PacketType::pubrec : PacketType::puback, id});
  const bool fresh = in_flight_.insert(id).second && !released_.contains(id);
  if (!tame_) return;
  require(fresh, "an identifier in use is not used again [MQTT-2.2.1-4]");
  require(in_flight_.size() <= terms_.receive_maximum,
          "no more in flight than the client takes [MQTT-3.3.4-9]");
}

void OutputReader::on_ack(const Frame& frame) {
  const auto ack = accepted_by_client(mqtt::decode_ack(frame, terms_.version));
  if (frame.type != PacketType::pubrel) return;
  const auto id = static_cast<std::uint16_t>(ack.packet_id);
  if (!in_flight_.contains(id)) released_.insert(id);
  due.push_back({PacketType::pubcomp, id});
}

void OutputReader::on_suback(const Frame& frame) {
  const auto answer = accepted_by_client(mqtt::decode_subscribe_answer(frame, terms_.version));
  const bool unsubscribed = frame.type == PacketType::unsuback;
  const auto id = static_cast<std::uint16_t>(answer.packet_id);
  const std::size_t reasons = answer.reasons.size();
  if (!tame_) return;
  auto& sizes = asked_[{frame.type, id}];
  require(!sizes.empty(), "an answer to a question [MQTT-3.8.4-2]");
  const auto fits = unsubscribed && !v5() ? sizes.begin() : sizes.find(reasons);
  require(fits != sizes.end(), "one code for each filter [MQTT-3.8.4-6]");
  sizes.erase(fits);
}

void OutputReader::on_disconnect(const Frame& frame) {
  accepted_by_client(mqtt::decode_disconnect(frame, terms_.version, mqtt::Side::server));
  ended_ = true;
}

}  // namespace fuzz
