// Every decoder in every version, and what they say written and read once more: a packet that was
// understood means the same after it was encoded. Encoders of what only servers send are given made
// up values, and what they write is read with the property rules.

#include <cstring>
#include <limits>
#include <optional>
#include <set>
#include <span>
#include <string>

#include "broker/wire/ack.h"
#include "broker/wire/connack.h"
#include "broker/wire/connect.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/properties.h"
#include "broker/wire/publish.h"
#include "broker/wire/subscribe.h"
#include "broker/wire/topic.h"
#include "broker/wire/utf8.h"
#include "test/fuzz/input.h"
#include "test/vectors/build.h"
#include "test/vectors/decode_any.h"

namespace {

using fuzz::require;
using mqtt::ByteBuffer;
using mqtt::Bytes;
using mqtt::Frame;
using mqtt::PacketType;
using mqtt::PropertyId;
using mqtt::PropertyPlace;
using mqtt::Version;
using vectors::block;
using vectors::text;
using vectors::u16;
using vectors::u32;
using vectors::u8;

constexpr Version versions[] = {Version::v5_0, Version::v3_1_1, Version::v3_1};

std::string as_string(Bytes bytes) { return std::string(mqtt::as_text(bytes)); }

/// The one packet that `bytes` are.
Frame whole(Bytes bytes) {
  const auto frame = mqtt::next_frame(bytes, bytes.size());
  require(frame && *frame && (*frame)->size_bytes == bytes.size(), "an encoder writes one packet");
  return **frame;
}

std::string forwarded(Bytes properties) {
  ByteBuffer out;
  mqtt::forwarded_properties(properties, out);
  return as_string(out.view());
}

// PUBLISH.

void check_publish_encoders(const mqtt::OutgoingPublish& packet, Version version,
                            const ByteBuffer& out, const mqtt::EncodedPublish& encoded) {
  require(out.size() == mqtt::encoded_size(packet, version), "encoded_size()");
  require(out.size() == encoded.size_bytes, "EncodedPublish::size_bytes");
  if (packet.qos != mqtt::Qos::at_most_once) {
    const std::string id = u16(static_cast<unsigned>(packet.packet_id));
    require(as_string(out.view().subspan(encoded.packet_id_offset, 2)) == id, "packet_id_offset");
  }
  ByteBuffer header;
  const auto of_header = mqtt::encode_header(packet, version, header);
  require(of_header.size_bytes == out.size(), "encode_header() counts the payload");
  header.append(packet.payload);
  require(as_string(header.view()) == as_string(out.view()), "header and payload are the packet");
}

void round_trip(const mqtt::Publish& first, Version version) {
  const std::string properties = forwarded(first.properties);
  mqtt::OutgoingPublish packet;
  packet.topic = first.topic;
  packet.payload = first.payload;
  packet.properties = mqtt::as_bytes(properties);
  packet.packet_id = first.packet_id;
  packet.qos = first.qos;
  packet.retain = first.retain;
  packet.dup = first.dup;
  packet.topic_alias = first.topic_alias;
  packet.message_expiry_interval_seconds = first.message_expiry_interval_seconds;
  ByteBuffer out;
  const auto encoded = mqtt::encode(packet, version, out);
  check_publish_encoders(packet, version, out, encoded);
  const auto second = mqtt::decode_publish(whole(out.view()), version);
  const bool again = first.dup && first.qos != mqtt::Qos::at_most_once;  // 3.1 may say both
  require(second.has_value(), "what was encoded is decoded");
  require(second->topic == first.topic && second->qos == first.qos &&
              second->packet_id == first.packet_id && second->retain == first.retain &&
              second->dup == again && second->topic_alias == first.topic_alias &&
              second->message_expiry_interval_seconds == first.message_expiry_interval_seconds,
          "PUBLISH means the same");
  require(as_string(second->payload) == as_string(first.payload), "with the same payload");
  require(forwarded(second->properties) == properties, "and the same properties");
  require(forwarded(mqtt::as_bytes(properties)) == properties, "forwarding changes nothing twice");
  if (!first.properties_need_cutting) {
    require(properties == as_string(first.properties), "what need not be cut stays as it is");
  }
}

// Acknowledgements, DISCONNECT, AUTH.

void round_trip(const mqtt::Ack& first, Version version) {
  ByteBuffer out;
  mqtt::encode(first, version, out);
  const auto second = mqtt::decode_ack(whole(out.view()), version);
  require(second.has_value(), "what was encoded is decoded");
  require(second->type == first.type && second->packet_id == first.packet_id &&
              second->reason == first.reason && second->reason_string == first.reason_string,
          "the acknowledgement means the same");
}

void round_trip(const mqtt::Disconnect& first, Version version) {
  if (version != Version::v5_0) return;
  ByteBuffer out;
  mqtt::encode(first, out);
  const auto second = mqtt::decode_disconnect(whole(out.view()), version);
  require(second.has_value(), "what was encoded is decoded");
  require(second->reason == first.reason && second->reason_string == first.reason_string,
          "DISCONNECT means the same");
}

void round_trip(const mqtt::Auth& first, Version /*version*/) {
  const std::string method =
      first.authentication_method ? u8(0x15) + text(*first.authentication_method) : "";
  const std::string bytes =
      vectors::packet(0xF0, u8(static_cast<unsigned>(first.reason)) + block(method));
  const auto second = mqtt::decode_auth(whole(mqtt::as_bytes(bytes)));
  require(second.has_value(), "what was written is decoded");
  require(second->reason == first.reason &&
              second->authentication_method == first.authentication_method,
          "AUTH means the same");
}

// SUBSCRIBE and UNSUBSCRIBE.

void round_trip(const mqtt::Subscribe& first, Version version) {
  const bool v5 = version == Version::v5_0;
  require(!first.entries.empty(), "one filter at least [MQTT-3.8.3-2]");
  std::string body = u16(static_cast<unsigned>(first.packet_id));
  const std::uint32_t identifier = first.subscription_identifier;
  if (v5) body += block(identifier == 0 ? "" : u8(0x0B) + vectors::varint(identifier));
  for (const mqtt::SubscribeEntry& entry : first.entries) {
    const unsigned options = static_cast<unsigned>(entry.qos) | (entry.no_local ? 4U : 0U) |
                             (entry.retain_as_published ? 8U : 0U) |
                             static_cast<unsigned>(entry.retain_handling) << 4U;
    body += text(entry.filter) + u8(options);
  }
  const std::string bytes = vectors::packet(0x82, body);
  const auto second = mqtt::decode_subscribe(whole(mqtt::as_bytes(bytes)), version);
  require(second.has_value(), "what was written is decoded");
  require(second->packet_id == first.packet_id && second->subscription_identifier == identifier &&
              second->entries.size() == first.entries.size(),
          "SUBSCRIBE means the same");
  for (std::size_t i = 0; i < first.entries.size(); ++i) {
    const mqtt::SubscribeEntry& a = first.entries[i];
    const mqtt::SubscribeEntry& b = second->entries[i];
    require(a.filter == b.filter && a.qos == b.qos && a.no_local == b.no_local &&
                a.retain_as_published == b.retain_as_published &&
                a.retain_handling == b.retain_handling,
            "for each filter");
  }
}

void round_trip(const mqtt::Unsubscribe& first, Version version) {
  std::string body = u16(static_cast<unsigned>(first.packet_id));
  if (version == Version::v5_0) body += block("");
  for (const std::string_view filter : first.filters) body += text(filter);
  const std::string bytes = vectors::packet(0xA2, body);
  const auto second = mqtt::decode_unsubscribe(whole(mqtt::as_bytes(bytes)), version);
  require(second.has_value(), "what was written is decoded");
  require(second->packet_id == first.packet_id && second->filters == first.filters,
          "UNSUBSCRIBE means the same");
}

// CONNECT.

std::string will_text(const mqtt::Will& will, bool v5) {
  return (v5 ? block(as_string(will.properties)) : "") + text(will.topic) +
         text(mqtt::as_text(will.payload));
}

std::string properties_of(const mqtt::Connect& connect) {
  std::string all = u8(0x11) + u32(connect.session_expiry_interval_seconds);
  all += u8(0x21) + u16(connect.receive_maximum);
  if (connect.maximum_packet_size_bytes != 0) {
    all += u8(0x27) + u32(connect.maximum_packet_size_bytes);
  }
  all += u8(0x22) + u16(connect.topic_alias_maximum);
  all += u8(0x19) + u8(connect.request_response_information ? 1 : 0);
  all += u8(0x17) + u8(connect.request_problem_information ? 1 : 0);
  if (connect.authentication_method) all += u8(0x15) + text(*connect.authentication_method);
  return all;
}

std::string written(const mqtt::Connect& connect) {
  const bool v5 = connect.version == Version::v5_0;
  unsigned flags = connect.clean_start ? 2U : 0U;
  if (connect.will) {
    flags |= 4U | static_cast<unsigned>(connect.will->qos) << 3U;
    if (connect.will->retain) flags |= 0x20U;
  }
  if (connect.password) flags |= 0x40U;
  if (connect.user_name) flags |= 0x80U;
  const unsigned level = static_cast<unsigned>(connect.version) | (connect.from_bridge ? 0x80U : 0);
  std::string body = text(connect.version == Version::v3_1 ? "MQIsdp" : "MQTT") + u8(level) +
                     u8(flags) + u16(connect.keep_alive_seconds);
  if (v5) body += block(properties_of(connect));
  body += text(connect.client_id);
  if (connect.will) body += will_text(*connect.will, v5);
  if (connect.user_name) body += text(*connect.user_name);
  if (connect.password) body += text(mqtt::as_text(*connect.password));
  return vectors::packet(0x10, body);
}

void same_will(const std::optional<mqtt::Will>& a, const std::optional<mqtt::Will>& b) {
  require(a.has_value() == b.has_value(), "a will, or none");
  if (!a) return;
  require(a->topic == b->topic && as_string(a->payload) == as_string(b->payload) &&
              a->qos == b->qos && a->retain == b->retain &&
              a->delay_interval_seconds == b->delay_interval_seconds &&
              a->message_expiry_interval_seconds == b->message_expiry_interval_seconds &&
              as_string(a->properties) == as_string(b->properties),
          "the will means the same");
}

void round_trip(const mqtt::Connect& a, Version /*version*/) {
  const std::string bytes = written(a);
  const Frame frame = whole(mqtt::as_bytes(bytes));
  require(mqtt::head_of_connect(frame.body).version == a.version, "head_of_connect()");
  const auto b = mqtt::decode_connect(frame.body);
  require(b.has_value(), "what was written is decoded");
  require(b->version == a.version && b->from_bridge == a.from_bridge &&
              b->clean_start == a.clean_start && b->keep_alive_seconds == a.keep_alive_seconds &&
              b->client_id == a.client_id && b->user_name == a.user_name &&
              b->password.has_value() == a.password.has_value() &&
              b->session_expiry_interval_seconds == a.session_expiry_interval_seconds &&
              b->receive_maximum == a.receive_maximum &&
              b->maximum_packet_size_bytes == a.maximum_packet_size_bytes &&
              b->topic_alias_maximum == a.topic_alias_maximum &&
              b->request_response_information == a.request_response_information &&
              b->request_problem_information == a.request_problem_information &&
              b->authentication_method == a.authentication_method,
          "CONNECT means the same");
  if (a.password) require(as_string(*a.password) == as_string(*b->password), "and the password");
  same_will(a.will, b->will);
}

template <typename Packet>
void again(const mqtt::Decoded<Packet>& decoded, Version version) {
  if (decoded) round_trip(*decoded, version);
}

void round_trip(const Frame& frame, Version version) {
  switch (frame.type) {
    case PacketType::connect:
      return again(mqtt::decode_connect(frame.body), version);
    case PacketType::publish:
      return again(mqtt::decode_publish(frame, version), version);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return again(mqtt::decode_ack(frame, version), version);
    case PacketType::subscribe:
      return again(mqtt::decode_subscribe(frame, version), version);
    case PacketType::unsubscribe:
      return again(mqtt::decode_unsubscribe(frame, version), version);
    case PacketType::disconnect:
      return again(mqtt::decode_disconnect(frame, version), version);
    case PacketType::auth:
      return again(mqtt::decode_auth(frame), version);
    default:
      return;
  }
}

void decode(fuzz::Input input) {
  const Version version = input.pick(versions);
  const auto bytes = fuzz::exact_copy(input.rest());
  Bytes rest = bytes;
  for (;;) {
    const vectors::Outcome outcome = vectors::decode_any(rest, version);
    if (outcome.failure) require(!outcome.failure->what.empty(), "a refusal says why");
    const auto frame = mqtt::next_frame(rest, std::numeric_limits<std::size_t>::max());
    if (!frame || !*frame) return;
    round_trip(**frame, version);
    rest = rest.subspan((*frame)->size_bytes);
  }
}

// What only servers send.

std::optional<std::string_view> maybe_text(fuzz::Input& input) {
  if (!input.flag()) return std::nullopt;
  const std::string_view text = input.take(input.byte() % 32U);
  return mqtt::is_utf8_string(text) ? text : "text";
}

std::size_t count_properties(mqtt::Cursor& cursor, PropertyPlace place) {
  const auto properties = mqtt::take_property_block(cursor);
  require(properties.has_value(), "a property block that fits");
  mqtt::PropertyReader reader(*properties, place);
  mqtt::Property property;
  for (std::size_t count = 0;; ++count) {
    const auto more = reader.next(property);
    require(more.has_value(), "properties that belong there");
    if (!*more) return count;
  }
}

void connack(fuzz::Input input) {
  const Version version = input.pick(versions);
  mqtt::Connack packet;
  packet.session_present = input.flag();
  packet.reason = static_cast<mqtt::Reason>(input.byte());
  std::size_t members = 0;
  const auto maybe = [&] { return input.flag() ? (++members, true) : false; };
  if (maybe()) packet.topic_alias_maximum = input.two();
  if (maybe()) packet.server_keep_alive_seconds = input.two();
  if (maybe()) packet.retain_available = input.flag();
  if (maybe()) packet.maximum_packet_size_bytes = input.four() | 1U;
  if (maybe()) packet.receive_maximum = static_cast<std::uint16_t>(input.two() | 1U);
  if (maybe()) packet.maximum_qos = input.byte() & 1U;
  if (maybe()) packet.session_expiry_interval_seconds = input.four();
  for (auto* const text : {&packet.assigned_client_identifier, &packet.response_information,
                           &packet.authentication_method, &packet.reason_string}) {
    *text = maybe_text(input);
    if (*text) ++members;
  }
  ByteBuffer out;
  mqtt::encode(packet, version, out);
  mqtt::Cursor cursor(whole(out.view()).body);
  const bool present =
      packet.session_present && packet.reason == mqtt::Reason::success && version != Version::v3_1;
  require(cursor.byte() == (present ? 1 : 0), "session present");
  const auto reason = cursor.byte();
  if (version == Version::v5_0) {
    require(reason == static_cast<std::uint8_t>(packet.reason), "the reason as it is");
    require(count_properties(cursor, PropertyPlace::connack) == members, "every property, once");
  } else {
    require(reason == mqtt::connect_return_code(packet.reason) && *reason <= 5, "a return code");
  }
  require(cursor.at_end(), "nothing behind it");
}

void publish_with_identifiers(fuzz::Input input) {
  const Version version = input.pick(versions);
  std::vector<std::uint32_t> identifiers(input.byte() % 8U);
  for (std::uint32_t& one : identifiers) {
    one = 1U + (input.four() >> (input.byte() % 32U)) % mqtt::variable_byte_integer_max;
  }
  mqtt::OutgoingPublish packet;
  packet.qos = static_cast<mqtt::Qos>(input.byte() % 3U);
  packet.packet_id = mqtt::PacketId{static_cast<std::uint16_t>(input.two() | 1U)};
  packet.retain = input.flag();
  packet.topic_alias = input.two();
  if (input.flag()) packet.message_expiry_interval_seconds = input.four();
  packet.subscription_identifiers = identifiers;
  packet.topic = input.take(input.byte() % 20U);
  packet.payload = mqtt::as_bytes(input.rest());
  ByteBuffer out;
  const auto encoded = mqtt::encode(packet, version, out);
  check_publish_encoders(packet, version, out, encoded);
  const Frame frame = whole(out.view());
  mqtt::Cursor cursor(frame.body);
  require(cursor.text() == packet.topic, "the topic");
  if (packet.qos != mqtt::Qos::at_most_once) static_cast<void>(cursor.two_byte_integer());
  if (version == Version::v5_0) {
    const std::size_t expected = identifiers.size() + (packet.topic_alias != 0 ? 1 : 0) +
                                 (packet.message_expiry_interval_seconds ? 1 : 0);
    require(count_properties(cursor, PropertyPlace::publish) == expected, "every property");
  }
  require(as_string(cursor.rest()) == as_string(packet.payload), "the payload");
}

void suback(fuzz::Input input) {
  const Version version = input.pick(versions);
  const mqtt::PacketId id{static_cast<std::uint16_t>(input.two() | 1U)};
  std::vector<mqtt::Reason> reasons;
  while (!input.empty()) reasons.push_back(static_cast<mqtt::Reason>(input.byte()));
  for (const bool unsubscribed : {false, true}) {
    ByteBuffer out;
    (unsubscribed ? mqtt::encode_unsuback : mqtt::encode_suback)(id, reasons, version, out);
    mqtt::Cursor cursor(whole(out.view()).body);
    require(cursor.two_byte_integer() == static_cast<std::uint16_t>(id), "its identifier");
    if (version == Version::v5_0) {
      const auto place = unsubscribed ? PropertyPlace::unsuback : PropertyPlace::suback;
      require(count_properties(cursor, place) == 0, "no properties");
    }
    const bool codes = version == Version::v5_0 || !unsubscribed;
    require(cursor.rest().size() == (codes ? reasons.size() : 0), "a code for each filter");
  }
}

// Texts.

/// Section 1.5.4, from the definition of UTF-8.
bool oracle_utf8(std::string_view text) {
  std::size_t at = 0;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  while (at < text.size()) {
    const unsigned first = byte(at);
    const std::size_t more = first < 0x80 ? 0 : first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : 1;
    if (first >= 0x80 && (first < 0xC2 || first > 0xF4)) return false;
    if (at + more >= text.size()) return false;
    std::uint32_t value = more == 0 ? first : first & (0x3FU >> more);
    for (std::size_t i = 1; i <= more; ++i) {
      if ((byte(at + i) & 0xC0U) != 0x80) return false;
      value = value << 6U | (byte(at + i) & 0x3FU);
    }
    static constexpr std::uint32_t smallest[] = {0, 0x80, 0x800, 0x10000};
    if (value < smallest[more] || value > 0x10FFFF || value == 0) return false;
    if (value >= 0xD800 && value <= 0xDFFF) return false;
    at += more + 1;
  }
  return true;
}

bool oracle_filter(std::string_view text) {
  mqtt::LevelCursor levels(text);
  std::size_t count = 0;
  while (levels.next()) {
    ++count;
    const std::string_view level = levels.level();
    if (level == "#" && !levels.last()) return false;
    if (level.size() > 1 && level.find_first_of("+#") != level.npos) return false;
  }
  return !text.empty() && count <= mqtt::topic_levels_max && oracle_utf8(text);
}

void texts(fuzz::Input input) {
  const auto copy = fuzz::exact_copy(input.rest());
  const std::string_view text = mqtt::as_text(copy);
  require(mqtt::is_utf8_string(text) == oracle_utf8(text), "is_utf8_string()");
  const bool wild = text.find_first_of("+#") != text.npos;
  const auto filter = mqtt::TopicFilter::parse(text);
  require(filter.has_value() == oracle_filter(text), "TopicFilter::parse()");
  require(mqtt::TopicName::parse(text).has_value() == (oracle_filter(text) && !wild),
          "TopicName::parse()");
  if (filter) require(filter->has_wildcard() == wild, "has_wildcard()");
  const auto shared = mqtt::parse_shared(text);
  require(!shared || shared->has_value() == text.starts_with("$share/"), "parse_shared()");
  if (!shared || !*shared) return;
  const std::string again =
      "$share/" + std::string((*shared)->share_name) + "/" + std::string((*shared)->filter.text());
  require(again == text, "a shared filter and its two parts");
}

void properties(fuzz::Input input) {
  const auto place = static_cast<PropertyPlace>(input.byte() % 14U);
  const auto bytes = fuzz::exact_copy(input.rest());
  mqtt::PropertyReader reader(bytes, place);
  mqtt::Property property;
  std::string seen;
  for (;;) {
    const auto more = reader.next(property);
    if (!more) return require(!more.error().what.empty(), "a refusal says why");
    if (!*more) break;
    seen += as_string(property.raw);
  }
  require(seen == as_string(bytes), "the properties are the block, each byte once");
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  static constexpr void (*const parts[])(fuzz::Input) = {decode, connack, publish_with_identifiers,
                                                         suback, texts,   properties};
  parts[input.byte() % std::size(parts)](input);
  return 0;
}
