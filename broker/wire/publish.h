// broker/wire/publish.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "broker/wire/bytes.h"
#include "broker/wire/cursor.h"
#include "broker/wire/framer.h"
#include "broker/wire/properties.h"
#include "broker/wire/protocol.h"

namespace mqtt {

/// PUBLISH as it arrives (section 3.3).
///
/// Lifetime   Views into the frame.
/// Invariant  `topic` is a valid topic name, or empty with a topic alias (5.0 only).
struct Publish {
  std::string_view topic;
  Bytes payload;
  Bytes properties;  // the whole block, without its length; empty before 5.0
  PacketId packet_id{0};
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool dup = false;
  std::uint16_t topic_alias = 0;  // 0: none
  std::optional<std::uint32_t> message_expiry_interval_seconds;
  /// True if `properties` holds something a subscriber must not see as it is (topic alias,
  /// message expiry, subscription identifiers): forwarded_properties() cuts it out.
  bool properties_need_cutting = false;
};

/// Decodes a PUBLISH frame that `sent_by` sent.
///
/// A topic name from a server may have more levels than topic_levels_max: that limit is this
/// broker's, not the specification's, and a client that left for it would get the message again
/// with each new connection. So it has to pass TopicName::parse() before it is published here.
///
/// Errors    malformed_packet: QoS 3 [MQTT-3.3.1-4], DUP with QoS 0 [MQTT-3.3.1-2], bad UTF-8,
///           properties that do not fit, a topic with a wildcard [MQTT-3.3.2-2], an empty one
///           without alias, too many levels (of a client); protocol_error: packet identifier 0
///           [MQTT-2.2.1-3], a subscription identifier from a client [MQTT-3.3.4-6], a response
///           topic with wildcards [MQTT-3.3.2-14]; topic_alias_invalid: alias 0 [MQTT-3.3.2-8]. A
///           payload that contradicts a payload format indicator of 1 is passed on unchecked (the
///           check is optional, section 3.3.2.3.2).
/// Cost      Allocates nothing.
[[nodiscard]] Decoded<Publish> decode_publish(const Frame& frame, Version version, Side sent_by);
/// The same for a client's: the way of every message.
[[nodiscard]] Decoded<Publish> decode_publish(const Frame& frame, Version version);
/// The same for a server's, written where it is to be: copies of a packet would cost a client of
/// this code some percent.
[[nodiscard]] Decoded<bool> decode_publish_of_server(const Frame& frame, Version version,
                                                     Publish& publish);

/// Calls `visit(std::uint32_t)` for each subscription identifier of a PUBLISH from a server
/// (section 3.3.2.3.8), in order.
///
/// Requires  `properties` passed decode_publish().
template <typename Visit>
void for_each_subscription_identifier(Bytes properties, Visit&& visit);

/// Appends to `out` the properties of a publish (or will) that every subscriber gets unaltered and
/// in order: payload format [MQTT-3.3.2-4], content type [MQTT-3.3.2-20], response topic
/// [MQTT-3.3.2-15], correlation data [MQTT-3.3.2-16], user properties [MQTT-3.3.2-17]
/// [MQTT-3.3.2-18] [MQTT-3.1.3-10].
///
/// Requires  `properties` passed decode_publish() or decode_connect().
void forwarded_properties(Bytes properties, ByteBuffer& out);

/// Whether a block is one that forwarded_properties() could have made: well-formed, each property
/// in it one that subscribers get as it is. For blocks that come from elsewhere than a packet.
///
/// Errors    As PropertyReader; malformed_packet for a property that is not forwarded.
[[nodiscard]] Decoded<bool> check_forwarded_properties(Bytes properties);

/// PUBLISH to a client, or from one if it has no subscription identifiers [MQTT-3.3.4-6].
///
/// Invariant  encoded_size() is at most variable_byte_integer_max; a larger packet cannot be sent.
struct OutgoingPublish {
  std::string_view topic{};  // empty when `topic_alias` stands for it
  Bytes payload{};
  Bytes properties{};  // as forwarded_properties() made them
  PacketId packet_id{0};
  Qos qos = Qos::at_most_once;
  bool retain = false;
  bool dup = false;
  std::uint16_t topic_alias = 0;
  std::optional<std::uint32_t> message_expiry_interval_seconds{};
  /// Those of all subscriptions that this copy stands for [MQTT-3.3.4-3] [MQTT-3.3.4-4].
  std::span<const std::uint32_t> subscription_identifiers{};
};

/// Where parts of an encoded PUBLISH are, so that the next receiver's copy can be patched.
struct EncodedPublish {
  std::size_t size_bytes = 0;        // of the whole packet
  std::size_t packet_id_offset = 0;  // from the packet's first byte; 0 for QoS 0
};

/// Size of the packet that encode() would append; it is compared with a client's Maximum Packet
/// Size [MQTT-3.1.2-24].
[[nodiscard]] std::size_t encoded_size(const OutgoingPublish& packet, Version version) noexcept;

/// Appends the packet. Before 5.0 properties, alias, expiry and identifiers are left out.
EncodedPublish encode(const OutgoingPublish& packet, Version version, ByteBuffer& out);

/// Appends the packet without its payload, for payloads that are written from where they are.
/// `size_bytes` of the result counts the payload too.
EncodedPublish encode_header(const OutgoingPublish& packet, Version version, ByteBuffer& out);

template <typename Visit>
void for_each_subscription_identifier(Bytes properties, Visit&& visit) {
  Cursor cursor(properties);
  Property property;
  while (take_property(cursor, property)) {
    if (property.id == PropertyId::subscription_identifier) visit(property.number);
  }
}

}  // namespace mqtt
