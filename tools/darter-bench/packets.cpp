#include "tools/darter-bench/packets.h"

#include "broker/wire/publish.h"

namespace bench {
namespace {

constexpr std::uint32_t session_expiry_seconds = 3600;

/// Appends a packet made of a body.
void write_packet(mqtt::ByteBuffer& out, mqtt::PacketType type, std::uint8_t flags,
                  const mqtt::ByteBuffer& body) {
  mqtt::write_fixed_header(out, type, flags, body.size());
  out.append(body.view());
}

mqtt::ByteBuffer connect_properties(bool clean_session) {
  mqtt::ByteBuffer properties;
  if (!clean_session) {
    mqtt::write_property(properties, mqtt::PropertyId::session_expiry_interval,
                         session_expiry_seconds);
  }
  return properties;
}

void read_connack_properties(mqtt::Bytes block, Welcome& welcome) {
  mqtt::Cursor cursor(block);
  mqtt::Property property;
  while (mqtt::take_property(cursor, property)) {
    if (property.id == mqtt::PropertyId::receive_maximum) {
      welcome.receive_maximum = static_cast<std::uint16_t>(property.number);
    }
  }
}

std::string filler(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>('a' + i % 26);
  return text;
}

}  // namespace

void write_connect(mqtt::ByteBuffer& out, const Greeting& greeting) {
  mqtt::ByteBuffer body;
  mqtt::write_text(body, "MQTT");
  body.push_back(static_cast<std::uint8_t>(greeting.version));
  const unsigned credentials = greeting.user.empty() ? 0U : 0xC0U;
  body.push_back(static_cast<std::uint8_t>(credentials | (greeting.clean_session ? 0x02U : 0U)));
  mqtt::write_two_byte_integer(body, greeting.keep_alive_seconds);
  if (greeting.version == mqtt::Version::v5_0) {
    mqtt::write_property_block(body, connect_properties(greeting.clean_session).view());
  }
  mqtt::write_text(body, greeting.client_id);
  if (credentials != 0) {
    mqtt::write_text(body, greeting.user);
    mqtt::write_text(body, greeting.password);
  }
  write_packet(out, mqtt::PacketType::connect, 0, body);
}

void write_subscribe(mqtt::ByteBuffer& out, mqtt::PacketId id, std::span<const std::string> filters,
                     mqtt::Qos qos, mqtt::Version version) {
  mqtt::ByteBuffer body;
  mqtt::write_two_byte_integer(body, static_cast<std::uint16_t>(id));
  if (version == mqtt::Version::v5_0) mqtt::write_property_block(body, {});
  for (const std::string& filter : filters) {
    mqtt::write_text(body, filter);
    body.push_back(static_cast<std::uint8_t>(qos));
  }
  write_packet(out, mqtt::PacketType::subscribe, 2, body);
}

std::optional<Welcome> read_connack(mqtt::Bytes body, mqtt::Version version) {
  mqtt::Cursor cursor(body);
  const auto flags = cursor.byte();
  const auto code = cursor.byte();
  if (!flags || !code) return std::nullopt;
  Welcome welcome{.accepted = *code == 0, .session_present = (*flags & 1U) != 0};
  if (version == mqtt::Version::v5_0) {
    if (const auto block = mqtt::take_property_block(cursor)) {
      read_connack_properties(*block, welcome);
    }
  }
  return welcome;
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
