#include "broker/wire/subscribe.h"

#include "broker/wire/cursor.h"
#include "broker/wire/properties.h"
#include "broker/wire/utf8.h"

namespace mqtt {
namespace {

constexpr unsigned qos_bits = 0x03;
constexpr unsigned no_local_bit = 0x04;
constexpr unsigned retain_as_published_bit = 0x08;
constexpr unsigned retain_handling_shift = 4;
constexpr unsigned reserved_bits_v5_0 = 0xC0;  // [MQTT-3.8.3-5]
constexpr unsigned reserved_bits_v3_1_1 = 0xFC;

Decoded<PacketId> read_packet_id(Cursor& cursor) {
  const auto packet_id = cursor.two_byte_integer();
  // [MQTT-2.2.1-3] [MQTT3-2.3.1-1]
  if (!packet_id || *packet_id == 0) return malformed("no packet identifier");
  return PacketId{*packet_id};
}

/// Reads the block, and keeps its subscription identifier if it has one.
Decoded<std::uint32_t> read_properties(Cursor& cursor, PropertyPlace place) {
  const auto block = take_property_block(cursor);
  if (!block) return malformed("properties do not fit");
  std::uint32_t subscription_identifier = 0;
  PropertyReader reader(*block, place);
  Property property;
  while (true) {
    const auto more = reader.next(property);
    if (!more) return std::unexpected(more.error());
    if (!*more) return subscription_identifier;
    if (property.id == PropertyId::subscription_identifier) {
      subscription_identifier = property.number;
    }
  }
}

Decoded<std::string_view> read_filter(Cursor& cursor) {
  const auto filter = cursor.text();
  if (!filter) return malformed("topic filter does not fit");
  // [MQTT-3.8.3-1] [MQTT-3.10.3-1] [MQTT3-3.8.3-1] [MQTT3-3.10.3-1]
  if (!is_utf8_string(*filter)) return malformed("topic filter is not UTF-8");
  return *filter;
}

/// Options before 5.0: a QoS and nothing else. In 3.1 the other bits meant nothing yet.
Decoded<bool> read_requested_qos(unsigned options, Version version, SubscribeEntry& entry) {
  // [MQTT3-3.8.3-4]
  if (version == Version::v3_1_1 && (options & reserved_bits_v3_1_1) != 0) {
    return malformed("reserved bits of a requested QoS");
  }
  if ((options & qos_bits) > 2) return malformed("QoS 3");
  entry.qos = static_cast<Qos>(options & qos_bits);
  return true;
}

/// Subscription options of 5.0 (section 3.8.3.1).
Decoded<bool> read_options(unsigned options, SubscribeEntry& entry) {
  const unsigned handling = options >> retain_handling_shift & 0x03U;
  if ((options & reserved_bits_v5_0) != 0) return malformed("reserved subscription options");
  if ((options & qos_bits) > 2) return refused(Reason::protocol_error, "QoS 3");
  if (handling > 2) return refused(Reason::protocol_error, "retain handling 3");
  entry.qos = static_cast<Qos>(options & qos_bits);
  entry.no_local = (options & no_local_bit) != 0;
  entry.retain_as_published = (options & retain_as_published_bit) != 0;
  entry.retain_handling = static_cast<RetainHandling>(handling);
  if (entry.no_local && entry.filter.starts_with("$share/")) {  // [MQTT-3.8.3-4]
    return refused(Reason::protocol_error, "no local on a shared subscription");
  }
  return true;
}

Decoded<SubscribeEntry> read_entry(Cursor& cursor, Version version) {
  const auto filter = read_filter(cursor);
  if (!filter) return std::unexpected(filter.error());
  const auto options = cursor.byte();
  if (!options) return malformed("topic filter without options");
  SubscribeEntry entry{.filter = *filter};
  const auto read = version == Version::v5_0 ? read_options(*options, entry)
                                             : read_requested_qos(*options, version, entry);
  if (!read) return std::unexpected(read.error());
  return entry;
}

Decoded<SubscribeHead> decode_head(const Frame& frame, Version version, PropertyPlace place) {
  SubscribeHead head;
  Cursor cursor(frame.body);
  const auto packet_id = read_packet_id(cursor);
  if (!packet_id) return std::unexpected(packet_id.error());
  head.packet_id = *packet_id;
  if (version == Version::v5_0) {
    const auto identifier = read_properties(cursor, place);
    if (!identifier) return std::unexpected(identifier.error());
    head.subscription_identifier = *identifier;
  }
  // [MQTT-3.8.3-2] [MQTT3-3.8.3-3] [MQTT-3.10.3-2] [MQTT3-3.10.3-2]
  if (cursor.at_end()) return refused(Reason::protocol_error, "no topic filter");
  head.filters = cursor.rest();
  return head;
}

}  // namespace

Decoded<SubscribeHead> decode_subscribe_head(const Frame& frame, Version version) {
  return decode_head(frame, version, PropertyPlace::subscribe);
}

Decoded<SubscribeHead> decode_unsubscribe_head(const Frame& frame, Version version) {
  return decode_head(frame, version, PropertyPlace::unsubscribe);
}

Decoded<SubscribeEntry> next_entry(Bytes& filters, Version version) {
  Cursor cursor(filters);
  const auto entry = read_entry(cursor, version);
  filters = cursor.rest();
  return entry;
}

Decoded<std::string_view> next_filter(Bytes& filters) {
  Cursor cursor(filters);
  const auto filter = read_filter(cursor);
  filters = cursor.rest();
  return filter;
}

Decoded<Subscribe> decode_subscribe(const Frame& frame, Version version) {
  const auto head = decode_subscribe_head(frame, version);
  if (!head) return std::unexpected(head.error());
  Subscribe subscribe{head->packet_id, head->subscription_identifier, {}};
  for (Bytes rest = head->filters; !rest.empty();) {
    const auto entry = next_entry(rest, version);
    if (!entry) return std::unexpected(entry.error());
    subscribe.entries.push_back(*entry);
  }
  return subscribe;
}

Decoded<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version) {
  const auto head = decode_unsubscribe_head(frame, version);
  if (!head) return std::unexpected(head.error());
  Unsubscribe unsubscribe{head->packet_id, {}};
  for (Bytes rest = head->filters; !rest.empty();) {
    const auto filter = next_filter(rest);
    if (!filter) return std::unexpected(filter.error());
    unsubscribe.filters.push_back(*filter);
  }
  return unsubscribe;
}

std::size_t answer_size_bytes(std::size_t filters) noexcept {
  const std::size_t remaining_length = 2 + 1 + filters;  // identifier, no properties, reasons
  return fixed_header_size(remaining_length) + remaining_length;
}

std::uint8_t suback_code(Reason reason, Version version) {
  const auto code = static_cast<std::uint8_t>(reason);
  return version == Version::v5_0 || code < 0x80 ? code : 0x80;  // [MQTT3-3.9.3-2]
}

void encode_suback(PacketId packet_id, std::span<const Reason> reasons, Version version,
                   ByteBuffer& out) {
  const bool v5_0 = version == Version::v5_0;
  write_fixed_header(out, PacketType::suback, 0, 2U + (v5_0 ? 1U : 0U) + reasons.size());
  write_two_byte_integer(out,
                         static_cast<std::uint16_t>(packet_id));  // [MQTT-2.2.1-6] [MQTT3-2.3.1-7]
  if (v5_0) write_property_block(out, {});
  for (const Reason reason : reasons) {  // [MQTT-3.9.3-1] [MQTT3-3.9.3-1]
    out.push_back(suback_code(reason, version));
  }
}

void encode_unsuback(PacketId packet_id, std::span<const Reason> reasons, Version version,
                     ByteBuffer& out) {
  const bool v5_0 = version == Version::v5_0;
  write_fixed_header(out, PacketType::unsuback, 0, v5_0 ? 3U + reasons.size() : 2U);
  write_two_byte_integer(out, static_cast<std::uint16_t>(packet_id));
  if (!v5_0) return;
  write_property_block(out, {});
  // [MQTT-3.11.3-1]
  for (const Reason reason : reasons) out.push_back(static_cast<std::uint8_t>(reason));
}

}  // namespace mqtt
