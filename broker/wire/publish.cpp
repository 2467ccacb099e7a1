#include "broker/wire/publish.h"

#include <cassert>

#include "broker/wire/topic.h"

namespace mqtt {
namespace {

constexpr unsigned retain_flag = 0x01;
constexpr unsigned dup_flag = 0x08;
constexpr std::string_view missing_identifier = "[MQTT-2.2.1-3] [MQTT3-2.3.1-1]";

/// Flags of the fixed header, section 3.3.1.
Decoded<bool> read_flags(std::uint8_t flags, Version version, Publish& publish) {
  const unsigned qos = flags >> 1U & 0x03U;
  publish.retain = (flags & retain_flag) != 0;
  publish.dup = (flags & dup_flag) != 0;
  if (qos > 2) return malformed("QoS 3", "[MQTT-3.3.1-4] [MQTT3-3.3.1-4]");
  publish.qos = static_cast<Qos>(qos);
  // 3.1 did not forbid it.
  if (publish.dup && qos == 0 && version != Version::v3_1)
    return malformed("DUP with QoS 0", "[MQTT-3.3.1-2] [MQTT3-3.3.1-2]");
  return true;
}

/// Keeps the properties that the broker itself acts upon; the rest stays in the block.
template <Side sent_by>
Decoded<bool> note_property(const Property& property, Publish& publish) {
  switch (property.id) {
    case PropertyId::topic_alias:
      publish.topic_alias = static_cast<std::uint16_t>(property.number);
      publish.properties_need_cutting = true;
      return true;
    case PropertyId::message_expiry_interval:
      publish.message_expiry_interval_seconds = property.number;
      publish.properties_need_cutting = true;
      return true;
    case PropertyId::subscription_identifier:
      if (sent_by == Side::client) {
        return refused(Reason::protocol_error, "subscription identifier from a client",
                       "[MQTT-3.3.4-6]");
      }
      publish.properties_need_cutting = true;
      return true;
    default:
      return true;
  }
}

template <Side sent_by>
Decoded<bool> read_properties(Cursor& cursor, Publish& publish) {
  const auto block = take_property_block(cursor);
  if (!block) return malformed("properties do not fit");
  if (block->empty()) return true;
  publish.properties = *block;
  PropertyReader reader(*block, PropertyPlace::publish);
  Property property;
  while (true) {
    const auto more = reader.next(property);
    if (!more || !*more) return more;
    const auto noted = note_property<sent_by>(property, publish);
    if (!noted) return noted;
  }
}

/// An empty topic needs an alias to stand for it (section 3.3.2.1).
template <Side sent_by>
Decoded<bool> check_topic(const Publish& publish) {
  if (publish.topic.empty() && publish.topic_alias != 0) return true;
  if constexpr (sent_by == Side::server) return check_topic_name(publish.topic);
  const auto name = TopicName::parse(publish.topic);
  if (!name) return std::unexpected(name.error());
  return true;
}

/// Is this property meant for the subscriber, as it is?
bool is_forwarded(PropertyId id) noexcept {
  return id == PropertyId::payload_format_indicator || id == PropertyId::content_type ||
         id == PropertyId::response_topic || id == PropertyId::correlation_data ||
         id == PropertyId::user_property;
}

/// Fills `publish` where it is: it is large, and copies of it would show in the hot path.
template <Side sent_by>
Decoded<bool> read_publish(const Frame& frame, Version version, Publish& publish) {
  const auto flags = read_flags(frame.flags, version, publish);
  if (!flags) return flags;
  Cursor cursor(frame.body);
  const auto topic = cursor.text();
  if (!topic) return malformed("no topic name", "[MQTT-3.3.2-1] [MQTT3-3.3.2-1]");
  publish.topic = *topic;
  if (publish.qos != Qos::at_most_once) {
    const auto packet_id = cursor.two_byte_integer();
    if (!packet_id) return malformed("no packet identifier", missing_identifier);
    if (*packet_id == 0)
      return refused(Reason::protocol_error, "packet identifier 0", missing_identifier);
    publish.packet_id = PacketId{*packet_id};
  }
  if (version == Version::v5_0) {
    const auto properties = read_properties<sent_by>(cursor, publish);
    if (!properties) return properties;
  }
  publish.payload = cursor.rest();
  return check_topic<sent_by>(publish);
}

constexpr std::size_t topic_alias_size = 3;     // identifier, two byte integer
constexpr std::size_t message_expiry_size = 5;  // identifier, four byte integer

std::size_t property_size(const OutgoingPublish& packet) noexcept {
  std::size_t size = packet.properties.size();
  if (packet.topic_alias != 0) size += topic_alias_size;
  if (packet.message_expiry_interval_seconds) size += message_expiry_size;
  for (const std::uint32_t identifier : packet.subscription_identifiers) {
    size += 1 + variable_byte_integer_size(identifier);
  }
  return size;
}

/// The lengths that stand in the packet.
struct Sizes {
  std::size_t properties = 0;
  std::size_t remaining = 0;
};

Sizes sizes_of(const OutgoingPublish& packet, Version version) noexcept {
  Sizes sizes;
  sizes.remaining = 2 + packet.topic.size() + packet.payload.size();
  if (packet.qos != Qos::at_most_once) sizes.remaining += 2;
  if (version != Version::v5_0) return sizes;
  sizes.properties = property_size(packet);
  sizes.remaining +=
      sizes.properties + variable_byte_integer_size(static_cast<std::uint32_t>(sizes.properties));
  return sizes;
}

std::byte* put_id(std::byte* place, PropertyId id) noexcept {
  *place = static_cast<std::byte>(id);
  return place + 1;
}

std::byte* put_properties(std::byte* place, const OutgoingPublish& packet,
                          std::size_t size) noexcept {
  place = put_variable_byte_integer(place, static_cast<std::uint32_t>(size));
  if (size == 0) return place;
  // The order is Mosquitto's, for tests of clients that compare bytes.
  place = put_bytes(place, packet.properties);
  if (packet.message_expiry_interval_seconds) {
    place = put_id(place, PropertyId::message_expiry_interval);
    place = put_four_byte_integer(place, *packet.message_expiry_interval_seconds);
  }
  if (packet.topic_alias != 0) {
    place = put_id(place, PropertyId::topic_alias);
    place = put_two_byte_integer(place, packet.topic_alias);
  }
  for (const std::uint32_t identifier : packet.subscription_identifiers) {
    place = put_id(place, PropertyId::subscription_identifier);
    place = put_variable_byte_integer(place, identifier);
  }
  return place;
}

/// A packet identifier is there only above QoS 0 [MQTT-2.2.1-2] [MQTT3-2.3.1-5]; so is DUP
/// [MQTT-3.3.1-2] [MQTT3-3.3.1-2].
std::uint8_t flags_of(const OutgoingPublish& packet) noexcept {
  unsigned flags = static_cast<unsigned>(packet.qos) << 1U;
  if (packet.retain) flags |= retain_flag;
  if (packet.dup && packet.qos != Qos::at_most_once) flags |= dup_flag;
  return static_cast<std::uint8_t>(flags);
}

/// All lengths are known first, so that the output grows once.
template <bool with_payload>
EncodedPublish append(const OutgoingPublish& packet, Version version, ByteBuffer& out) {
  const Sizes sizes = sizes_of(packet, version);
  const std::size_t size_bytes = fixed_header_size(sizes.remaining) + sizes.remaining;
  std::byte* const begin = out.extend(size_bytes - (with_payload ? 0 : packet.payload.size()));
  *begin =
      static_cast<std::byte>(static_cast<unsigned>(PacketType::publish) << 4U | flags_of(packet));
  std::byte* place =
      put_variable_byte_integer(begin + 1, static_cast<std::uint32_t>(sizes.remaining));
  place = put_two_byte_integer(place, static_cast<std::uint16_t>(packet.topic.size()));
  place = put_bytes(place, as_bytes(packet.topic));
  std::size_t id_offset = 0;
  if (packet.qos != Qos::at_most_once) {
    id_offset = static_cast<std::size_t>(place - begin);
    place = put_two_byte_integer(place, static_cast<std::uint16_t>(packet.packet_id));
  }
  if (version == Version::v5_0) place = put_properties(place, packet, sizes.properties);
  if (with_payload) put_bytes(place, packet.payload);
  return {.size_bytes = size_bytes, .packet_id_offset = id_offset};
}

}  // namespace

// Each side has one caller of its own: the compiler then makes one function of a client's path,
// which every message takes.
Decoded<Publish> decode_publish(const Frame& frame, Version version) {
  Decoded<Publish> decoded;
  const auto read = read_publish<Side::client>(frame, version, *decoded);
  if (!read) decoded = std::unexpected(read.error());
  return decoded;
}

Decoded<bool> decode_publish_of_server(const Frame& frame, Version version, Publish& publish) {
  return read_publish<Side::server>(frame, version, publish);
}

Decoded<Publish> decode_publish(const Frame& frame, Version version, Side sent_by) {
  if (sent_by == Side::client) return decode_publish(frame, version);
  Decoded<Publish> decoded;
  const auto read = decode_publish_of_server(frame, version, *decoded);
  if (!read) decoded = std::unexpected(read.error());
  return decoded;
}

void forwarded_properties(Bytes properties, ByteBuffer& out) {
  Cursor cursor(properties);
  Property property;
  while (take_property(cursor, property)) {
    if (is_forwarded(property.id)) out.append(property.raw);
  }
}

Decoded<bool> check_forwarded_properties(Bytes properties) {
  return visit_properties(properties, PropertyPlace::publish,
                          [](const Property& property) -> Decoded<bool> {
                            if (is_forwarded(property.id)) return true;
                            return malformed("property that is not forwarded");
                          });
}

std::size_t encoded_size(const OutgoingPublish& packet, Version version) noexcept {
  const std::size_t remaining = sizes_of(packet, version).remaining;
  return fixed_header_size(remaining) + remaining;
}

EncodedPublish encode(const OutgoingPublish& packet, Version version, ByteBuffer& out) {
  return append<true>(packet, version, out);
}

EncodedPublish encode_header(const OutgoingPublish& packet, Version version, ByteBuffer& out) {
  return append<false>(packet, version, out);
}

}  // namespace mqtt
