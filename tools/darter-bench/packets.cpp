#include "tools/darter-bench/packets.h"

#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"

namespace bench {
namespace {

std::string filler(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

}  // namespace

void write_subscribe(mqtt::ByteBuffer& out, mqtt::PacketId id, std::span<const std::string> filters,
                     mqtt::Qos qos, mqtt::Version version) {
  mqtt::Subscribe packet{.packet_id = id};
  for (const std::string& filter : filters)
    packet.entries.push_back({.filter = filter, .qos = qos});
  mqtt::encode(packet, version, out);
}

PublishTemplate::PublishTemplate(std::string_view topic, std::size_t payload_bytes, mqtt::Qos qos,
                                 bool retain, mqtt::Version version) {
  const std::string payload = filler(payload_bytes);
  const bool has_id = qos != mqtt::Qos::at_most_once;
  const mqtt::OutgoingPublish packet{
      .topic = topic,
      .payload = mqtt::as_bytes(payload),
      .packet_id = mqtt::PacketId{has_id ? std::uint16_t{1} : std::uint16_t{0}},
      .qos = qos,
      .retain = retain};
  packet_id_offset_ = mqtt::encode(packet, version, bytes_).packet_id_offset;
  payload_offset_ = bytes_.size() - payload_bytes;
}

}  // namespace bench
