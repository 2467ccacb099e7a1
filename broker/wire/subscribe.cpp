#include "broker/wire/subscribe.h"

#include <cassert>

#include "broker/wire/cursor.h"
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
  if (!packet_id || *packet_id == 0) {
    return malformed("no packet identifier", "[MQTT-2.2.1-3] [MQTT3-2.3.1-1]");
  }
  return PacketId{*packet_id};
}

/// A head, and the parts that only a whole packet keeps: a head may outlive its frame.
struct WholeHead : SubscribeHead {
  UserProperties user_properties;
};

Decoded<bool> read_properties(Cursor& cursor, PropertyPlace place, WholeHead& head) {
  const auto block = take_property_block(cursor);
  if (!block) return malformed("properties do not fit");
  return visit_properties(*block, place, [&](const Property& property) {
    if (property.id == PropertyId::subscription_identifier) {
      head.subscription_identifier = property.number;
    } else {
      head.user_properties = UserProperties(*block);
    }
  });
}

Decoded<std::string_view> read_filter(Cursor& cursor) {
  const auto filter = cursor.text();
  if (!filter) return malformed("topic filter does not fit");
  // Of SUBSCRIBE [MQTT-3.8.3-1] [MQTT3-3.8.3-1] and of UNSUBSCRIBE [MQTT-3.10.3-1]
  // [MQTT3-3.10.3-1].
  if (!is_utf8_string(*filter))
    return malformed("topic filter is not UTF-8", "[MQTT-1.5.4-1] [MQTT3-1.5.3-1]");
  return *filter;
}

/// Options before 5.0: a QoS and nothing else. In 3.1 the other bits meant nothing yet.
Decoded<bool> read_requested_qos(unsigned options, Version version, SubscribeEntry& entry) {
  if (version == Version::v3_1_1 && (options & reserved_bits_v3_1_1) != 0) {
    return malformed("reserved bits of a requested QoS", "[MQTT3-3.8.3-4]");
  }
  if ((options & qos_bits) > 2) return malformed("QoS 3", "[MQTT3-3.8.3-4]");
  entry.qos = static_cast<Qos>(options & qos_bits);
  return true;
}

/// Subscription options of 5.0 (section 3.8.3.1).
Decoded<bool> read_options(unsigned options, SubscribeEntry& entry) {
  const unsigned handling = options >> retain_handling_shift & 0x03U;
  if ((options & reserved_bits_v5_0) != 0) {
    return malformed("reserved subscription options", "[MQTT-3.8.3-5]");
  }
  if ((options & qos_bits) > 2)
    return refused(Reason::protocol_error, "QoS 3", "[section 3.8.3.1]");
  if (handling > 2)
    return refused(Reason::protocol_error, "retain handling 3", "[section 3.8.3.1]");
  entry.qos = static_cast<Qos>(options & qos_bits);
  entry.no_local = (options & no_local_bit) != 0;
  entry.retain_as_published = (options & retain_as_published_bit) != 0;
  entry.retain_handling = static_cast<RetainHandling>(handling);
  if (entry.no_local && entry.filter.starts_with("$share/")) {
    return refused(Reason::protocol_error, "no local on a shared subscription", "[MQTT-3.8.3-4]");
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

Decoded<WholeHead> decode_head(const Frame& frame, Version version, PropertyPlace place) {
  WholeHead head;
  Cursor cursor(frame.body);
  const auto packet_id = read_packet_id(cursor);
  if (!packet_id) return std::unexpected(packet_id.error());
  head.packet_id = *packet_id;
  if (version == Version::v5_0) {
    const auto properties = read_properties(cursor, place, head);
    if (!properties) return std::unexpected(properties.error());
  }
  if (cursor.at_end()) {
    return refused(Reason::protocol_error, "no topic filter",
                   place == PropertyPlace::subscribe ? "[MQTT-3.8.3-2] [MQTT3-3.8.3-3]"
                                                     : "[MQTT-3.10.3-2] [MQTT3-3.10.3-2]");
  }
  head.filters = cursor.rest();
  return head;
}

std::uint8_t options_of(const SubscribeEntry& entry, Version version) noexcept {
  const auto qos = static_cast<unsigned>(entry.qos);
  if (version != Version::v5_0) return static_cast<std::uint8_t>(qos);
  return static_cast<std::uint8_t>(qos | (entry.no_local ? no_local_bit : 0U) |
                                   (entry.retain_as_published ? retain_as_published_bit : 0U) |
                                   static_cast<unsigned>(entry.retain_handling)
                                       << retain_handling_shift);
}

/// Appends identifier and, from 5.0 on, property block: how the four packets of this file begin.
void write_head(PacketId packet_id, Bytes properties, Version version, ByteBuffer& out) {
  write_two_byte_integer(out, static_cast<std::uint16_t>(packet_id));
  if (version == Version::v5_0) write_property_block(out, properties);
}

/// Appends the packet that `body` is; SUBSCRIBE and UNSUBSCRIBE have flags [MQTT-3.8.1-1]
/// [MQTT3-3.8.1-1] [MQTT-3.10.1-1] [MQTT3-3.10.1-1].
void write_packet(PacketType type, const ByteBuffer& body, ByteBuffer& out) {
  const bool asks = type == PacketType::subscribe || type == PacketType::unsubscribe;
  write_fixed_header(out, type, asks ? 0x02 : 0x00, body.size());
  out.append(body.view());
}

bool may_answer_a_subscribe(Reason reason) noexcept {
  switch (reason) {
    case Reason::success:
    case Reason::granted_qos_1:
    case Reason::granted_qos_2:
    case Reason::unspecified_error:
    case Reason::implementation_specific_error:
    case Reason::not_authorized:
    case Reason::topic_filter_invalid:
    case Reason::packet_identifier_in_use:
    case Reason::quota_exceeded:
    case Reason::shared_subscriptions_not_supported:
    case Reason::subscription_identifiers_not_supported:
    case Reason::wildcard_subscriptions_not_supported:
      return true;
    default:
      return false;
  }
}

bool may_answer_an_unsubscribe(Reason reason) noexcept {
  switch (reason) {
    case Reason::success:
    case Reason::no_subscription_existed:
    case Reason::unspecified_error:
    case Reason::implementation_specific_error:
    case Reason::not_authorized:
    case Reason::topic_filter_invalid:
    case Reason::packet_identifier_in_use:
      return true;
    default:
      return false;
  }
}

/// [MQTT-3.9.3-2] [MQTT-3.11.3-2] [MQTT3-3.9.3-2]
bool may_carry(PacketType type, Reason reason, Version version) noexcept {
  if (type == PacketType::unsuback) return may_answer_an_unsubscribe(reason);
  if (version == Version::v5_0) return may_answer_a_subscribe(reason);
  return reason <= Reason::granted_qos_2 || reason == Reason::unspecified_error;
}

Decoded<bool> read_codes(Cursor& cursor, Version version, SubscribeAnswer& answer) {
  if (cursor.at_end()) return malformed("no reason code");
  while (const auto code = cursor.byte()) {
    const auto reason = static_cast<Reason>(*code);
    if (!may_carry(answer.type, reason, version)) {
      return refused(Reason::protocol_error, "reason code not allowed in this packet");
    }
    answer.reasons.push_back(reason);
  }
  return true;
}

Decoded<bool> read_answer_properties(Cursor& cursor, SubscribeAnswer& answer) {
  const auto block = take_property_block(cursor);
  if (!block) return malformed("properties do not fit");
  const auto place =
      answer.type == PacketType::suback ? PropertyPlace::suback : PropertyPlace::unsuback;
  return visit_properties(*block, place, [&](const Property& property) {
    if (property.id == PropertyId::reason_string) {
      answer.reason_string = property.text;
    } else {
      answer.user_properties = UserProperties(*block);
    }
  });
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
  const auto head = decode_head(frame, version, PropertyPlace::subscribe);
  if (!head) return std::unexpected(head.error());
  Subscribe subscribe{head->packet_id, head->subscription_identifier, {}, head->user_properties};
  for (Bytes rest = head->filters; !rest.empty();) {
    const auto entry = next_entry(rest, version);
    if (!entry) return std::unexpected(entry.error());
    subscribe.entries.push_back(*entry);
  }
  return subscribe;
}

Decoded<Unsubscribe> decode_unsubscribe(const Frame& frame, Version version) {
  const auto head = decode_head(frame, version, PropertyPlace::unsubscribe);
  if (!head) return std::unexpected(head.error());
  Unsubscribe unsubscribe{head->packet_id, {}, head->user_properties};
  for (Bytes rest = head->filters; !rest.empty();) {
    const auto filter = next_filter(rest);
    if (!filter) return std::unexpected(filter.error());
    unsubscribe.filters.push_back(*filter);
  }
  return unsubscribe;
}

void encode(const Subscribe& packet, Version version, ByteBuffer& out) {
  assert(packet.packet_id != PacketId{0} && !packet.entries.empty());
  ByteBuffer properties;
  if (packet.subscription_identifier != 0) {
    write_property(properties, PropertyId::subscription_identifier, packet.subscription_identifier);
  }
  packet.user_properties.append_to(properties);
  ByteBuffer body;
  write_head(packet.packet_id, properties.view(), version, body);
  for (const SubscribeEntry& entry : packet.entries) {
    write_text(body, entry.filter);
    body.push_back(options_of(entry, version));
  }
  write_packet(PacketType::subscribe, body, out);
}

void encode(const Unsubscribe& packet, Version version, ByteBuffer& out) {
  assert(packet.packet_id != PacketId{0} && !packet.filters.empty());
  ByteBuffer properties;
  packet.user_properties.append_to(properties);
  ByteBuffer body;
  write_head(packet.packet_id, properties.view(), version, body);
  for (const std::string_view filter : packet.filters) write_text(body, filter);
  write_packet(PacketType::unsubscribe, body, out);
}

Decoded<SubscribeAnswer> decode_subscribe_answer(const Frame& frame, Version version) {
  SubscribeAnswer answer{.type = frame.type};
  Cursor cursor(frame.body);
  const auto packet_id = cursor.two_byte_integer();
  if (!packet_id) return malformed("no packet identifier");
  if (*packet_id == 0) return refused(Reason::protocol_error, "packet identifier 0");
  answer.packet_id = PacketId{*packet_id};
  if (version == Version::v5_0) {
    const auto properties = read_answer_properties(cursor, answer);
    if (!properties) return std::unexpected(properties.error());
  } else if (answer.type == PacketType::unsuback) {
    if (!cursor.at_end()) return malformed("bytes left over");
    return answer;
  }
  const auto codes = read_codes(cursor, version, answer);
  if (!codes) return std::unexpected(codes.error());
  return answer;
}

void encode(const SubscribeAnswer& packet, Version version, ByteBuffer& out) {
  ByteBuffer properties;
  write_explanation(properties, packet.reason_string, packet.user_properties);
  ByteBuffer body;
  write_head(packet.packet_id, properties.view(), version, body);
  if (version == Version::v5_0 || packet.type == PacketType::suback) {
    for (const Reason reason : packet.reasons) body.push_back(suback_code(reason, version));
  }
  write_packet(packet.type, body, out);
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
