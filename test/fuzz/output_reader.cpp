#include "test/fuzz/output_reader.h"

#include "broker/wire/ack.h"
#include "broker/wire/cursor.h"
#include "broker/wire/properties.h"
#include "broker/wire/topic.h"
#include "test/fuzz/input.h"

namespace fuzz {
namespace {

using mqtt::Frame;
using mqtt::PacketType;
using mqtt::PropertyPlace;

/// Reads a block and checks each property; `visit(const Property&)` sees them.
template <typename Visit>
void properties(mqtt::Cursor& cursor, PropertyPlace place, Visit&& visit) {
  const auto block = mqtt::take_property_block(cursor);
  require(block.has_value(), "a property block that fits its packet");
  mqtt::PropertyReader reader(*block, place);
  mqtt::Property property;
  for (;;) {
    const auto more = reader.next(property);
    require(more.has_value(), "properties that belong where they stand");
    if (!*more) return;
    visit(property);
  }
}
void properties(mqtt::Cursor& cursor, PropertyPlace place) {
  properties(cursor, place, [](const mqtt::Property&) {});
}

template <typename Value>
Value some(const std::optional<Value>& value) {
  require(value.has_value(), "a packet that is long enough");
  return *value;
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
  mqtt::Cursor cursor(frame.body);
  const unsigned flags = some(cursor.byte());
  const unsigned reason = some(cursor.byte());
  require(flags <= 1, "acknowledge flags are 0 or 1 [MQTT-3.2.2-1]");
  require(reason == 0 || flags == 0, "a refusal has no session [MQTT-3.2.2-6]");
  if (v5()) properties(cursor, PropertyPlace::connack);
  require(cursor.at_end(), "CONNACK ends where it ends");
  require(v5() || reason <= 5, "return codes of 3.1.1 end at 5");
  accepted_ = reason == 0;
  ended_ = reason != 0;  // [MQTT-3.2.2-7]
}

void OutputReader::on_publish(const Frame& frame) {
  mqtt::Cursor cursor(frame.body);
  const unsigned qos = frame.flags >> 1U & 3U;
  const std::string_view topic = some(cursor.text());
  require(qos <= 2, "QoS is 0 to 2 [MQTT-3.3.1-4]");
  require(qos != 0 || (frame.flags & 8U) == 0, "QoS 0 is never a duplicate [MQTT-3.3.1-2]");
  const std::uint16_t id = qos == 0 ? std::uint16_t{0} : some(cursor.two_byte_integer());
  require(qos == 0 || id != 0, "a packet identifier is not 0 [MQTT-2.2.1-3]");
  std::uint32_t alias = 0;
  if (v5()) {
    properties(cursor, PropertyPlace::publish, [&](const mqtt::Property& property) {
      if (property.id == mqtt::PropertyId::topic_alias) alias = property.number;
    });
  }
  require(alias <= terms_.topic_alias_maximum, "no alias above the maximum [MQTT-3.1.2-26]");
  if (topic.empty()) {
    require(aliases_.contains(static_cast<std::uint16_t>(alias)), "an alias that was given before");
  } else {
    require(mqtt::TopicName::parse(topic).has_value(), "a valid topic name");
    if (alias != 0) aliases_.insert(static_cast<std::uint16_t>(alias));
  }
  if (qos == 0) return;
  due.push_back({qos == 1 ? PacketType::puback : PacketType::pubrec, id});
  const bool fresh = in_flight_.insert(id).second && !released_.contains(id);
  if (!tame_) return;
  require(fresh, "an identifier in use is not used again [MQTT-2.2.1-4]");
  require(in_flight_.size() <= terms_.receive_maximum,
          "no more in flight than the client takes [MQTT-3.3.4-9]");
}

void OutputReader::on_ack(const Frame& frame) {
  const auto ack = mqtt::decode_ack(frame, terms_.version);
  require(ack.has_value(), "an acknowledgement that is one");
  if (frame.type != PacketType::pubrel) return;
  const auto id = static_cast<std::uint16_t>(ack->packet_id);
  if (!in_flight_.contains(id)) released_.insert(id);
  due.push_back({PacketType::pubcomp, id});
}

void OutputReader::on_suback(const Frame& frame) {
  mqtt::Cursor cursor(frame.body);
  const bool unsubscribed = frame.type == PacketType::unsuback;
  const std::uint16_t id = some(cursor.two_byte_integer());
  if (v5()) properties(cursor, unsubscribed ? PropertyPlace::unsuback : PropertyPlace::suback);
  const std::size_t reasons = cursor.rest().size();
  require(!unsubscribed || v5() || reasons == 0, "UNSUBACK has no codes before 5.0");
  if (!tame_) return;
  auto& sizes = asked_[{frame.type, id}];
  require(!sizes.empty(), "an answer to a question [MQTT-3.8.4-2]");
  const auto fits = unsubscribed && !v5() ? sizes.begin() : sizes.find(reasons);
  require(fits != sizes.end(), "one code for each filter [MQTT-3.8.4-6]");
  sizes.erase(fits);
}

void OutputReader::on_disconnect(const Frame& frame) {
  require(v5(), "servers say DISCONNECT in 5.0 only");
  mqtt::Cursor cursor(frame.body);
  if (!cursor.at_end()) static_cast<void>(cursor.byte());
  if (!cursor.at_end()) properties(cursor, PropertyPlace::disconnect);
  require(cursor.at_end(), "DISCONNECT ends where it ends");
  ended_ = true;
}

}  // namespace fuzz
