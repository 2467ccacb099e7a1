// Every decoder in every version, on either side, and what they say written and read once more: a
// packet that was understood means the same after it was encoded. Encoders are given made up values
// too, and what they write is read with the property rules and by their decoders.

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
using mqtt::PropertyPlace;
using mqtt::Side;
using mqtt::Version;
using vectors::u16;

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

void check_forwarding(const mqtt::Publish& publish) {
  const std::string properties = forwarded(publish.properties);
  require(forwarded(mqtt::as_bytes(properties)) == properties, "forwarding changes nothing twice");
  require(mqtt::check_forwarded_properties(mqtt::as_bytes(properties)).has_value(),
          "check_forwarded_properties()");
  if (!publish.properties_need_cutting) {
    require(properties == as_string(publish.properties), "what need not be cut stays as it is");
  }
}

/// A server of 3.1.1 that refuses 5.0: the codec writes that in the form of 5.0, a byte longer.
bool is_refusal_of_old_server(const Frame& frame, Version version) {
  return version == Version::v5_0 && frame.type == PacketType::connack && frame.body.size() == 2;
}

/// A packet that a decoder takes is encoded and decoded once more, and means the same.
void round_trip(const Frame& frame, Version version, Side sent_by) {
  const auto first = vectors::rewrite(frame, version, sent_by);
  if (!first) return;
  const auto copy = fuzz::exact_copy(first->bytes);
  const Frame again = whole(copy);
  const auto second = vectors::rewrite(again, version, sent_by);
  require(second.has_value(), "what was encoded is decoded");
  require(second->meaning == first->meaning, "a packet means the same");
  require(second->bytes == first->bytes, "and has one form");
  require(first->bytes.size() <= frame.size_bytes || is_refusal_of_old_server(frame, version),
          "which is not longer");
  if (frame.type == PacketType::publish) {
    if (const auto publish = mqtt::decode_publish(frame, version, sent_by)) {
      check_forwarding(*publish);
    }
  }
  if (frame.type == PacketType::connect) {
    require(mqtt::head_of_connect(again.body).version == mqtt::decode_connect(again.body)->version,
            "head_of_connect()");
  }
}

void decode(fuzz::Input input, Side sent_by) {
  const Version version = input.pick(versions);
  const auto bytes = fuzz::exact_copy(input.rest());
  Bytes rest = bytes;
  for (;;) {
    const vectors::Outcome outcome = vectors::decode_any(rest, version, sent_by);
    if (outcome.failure) require(!outcome.failure->what.empty(), "a refusal says why");
    const auto frame = mqtt::next_frame(rest, std::numeric_limits<std::size_t>::max());
    if (!frame || !*frame) return;
    round_trip(**frame, version, sent_by);
    rest = rest.subspan((*frame)->size_bytes);
  }
}
void client_packets(fuzz::Input input) { decode(input, Side::client); }
/// A hostile server, as a client sees it.
void server_packets(fuzz::Input input) { decode(input, Side::server); }

/// A packet that an encoder wrote is read as it was meant: written once more it is the same.
void check_packet(const ByteBuffer& out, Version version, Side sent_by) {
  const auto copy = fuzz::exact_copy(out.view());
  const auto read = vectors::rewrite(whole(copy), version, sent_by);
  require(read.has_value(), "what was encoded is decoded");
  require(read->bytes == as_string(out.view()), "and encoded as it was");
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
  if (maybe()) packet.wildcard_subscription_available = input.flag();
  if (maybe()) packet.subscription_identifiers_available = input.flag();
  if (maybe()) packet.shared_subscription_available = input.flag();
  for (auto* const text :
       {&packet.assigned_client_identifier, &packet.response_information, &packet.server_reference,
        &packet.authentication_method, &packet.reason_string}) {
    *text = maybe_text(input);
    if (*text) ++members;
  }
  if (packet.authentication_method && input.flag()) {
    packet.authentication_data = mqtt::as_bytes(input.take(input.byte() % 32U));
    ++members;
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
  const bool listed = version != Version::v5_0 || *reason == 0 || *reason == 0x87;
  if (listed) check_packet(out, version, Side::server);
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
    const auto answer = mqtt::decode_subscribe_answer(whole(out.view()), version);
    if (answer) check_packet(out, version, Side::server);
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
  static constexpr void (*const parts[])(fuzz::Input) = {
      client_packets, connack, publish_with_identifiers, suback, texts, properties, server_packets};
  parts[input.byte() % std::size(parts)](input);
  return 0;
}
