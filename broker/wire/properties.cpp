#include "broker/wire/properties.h"

#include <array>

#include "broker/wire/topic.h"
#include "broker/wire/utf8.h"

namespace mqtt {
namespace {

/// The types that section 2.2.2.2 gives to values.
enum class Kind : std::uint8_t {
  unknown,
  byte,
  two_byte_integer,
  four_byte_integer,
  variable_byte_integer,
  text,
  text_pair,
  binary,
};

/// A value that a property must not have, whatever packet it stands in.
enum class Limit : std::uint8_t { none, zero_or_one, not_zero, topic_name };

struct Rule {
  Kind kind = Kind::unknown;
  std::uint16_t places = 0;  // one bit per PropertyPlace
  Limit limit = Limit::none;
};

template <typename... Places>
constexpr std::uint16_t in(Places... places) {
  return static_cast<std::uint16_t>(((1U << static_cast<unsigned>(places)) | ...));
}

/// Table 2-4, by identifier.
constexpr auto rules = [] {
  using enum PropertyPlace;
  std::array<Rule, 0x2B> table{};
  const auto set = [&](PropertyId id, Kind kind, std::uint16_t places, Limit limit = Limit::none) {
    table[static_cast<std::size_t>(id)] = {kind, places, limit};
  };
  const std::uint16_t message = in(publish, will);
  const std::uint16_t answers =
      in(connack, puback, pubrec, pubrel, pubcomp, suback, unsuback, disconnect, auth);
  using Id = PropertyId;
  set(Id::payload_format_indicator, Kind::byte, message, Limit::zero_or_one);
  set(Id::message_expiry_interval, Kind::four_byte_integer, message);
  set(Id::content_type, Kind::text, message);
  set(Id::response_topic, Kind::text, message, Limit::topic_name);
  set(Id::correlation_data, Kind::binary, message);
  set(Id::subscription_identifier, Kind::variable_byte_integer, in(publish, subscribe),
      Limit::not_zero);
  set(Id::session_expiry_interval, Kind::four_byte_integer, in(connect, connack, disconnect));
  set(Id::assigned_client_identifier, Kind::text, in(connack));
  set(Id::server_keep_alive, Kind::two_byte_integer, in(connack));
  set(Id::authentication_method, Kind::text, in(connect, connack, auth));
  set(Id::authentication_data, Kind::binary, in(connect, connack, auth));
  set(Id::request_problem_information, Kind::byte, in(connect), Limit::zero_or_one);
  set(Id::will_delay_interval, Kind::four_byte_integer, in(will));
  set(Id::request_response_information, Kind::byte, in(connect), Limit::zero_or_one);
  set(Id::response_information, Kind::text, in(connack));
  set(Id::server_reference, Kind::text, in(connack, disconnect));
  set(Id::reason_string, Kind::text, answers);
  set(Id::receive_maximum, Kind::two_byte_integer, in(connect, connack), Limit::not_zero);
  set(Id::topic_alias_maximum, Kind::two_byte_integer, in(connect, connack));
  set(Id::topic_alias, Kind::two_byte_integer, in(publish), Limit::not_zero);
  set(Id::maximum_qos, Kind::byte, in(connack), Limit::zero_or_one);
  set(Id::retain_available, Kind::byte, in(connack), Limit::zero_or_one);
  set(Id::user_property, Kind::text_pair,
      static_cast<std::uint16_t>(answers | message | in(connect, subscribe, unsubscribe)));
  set(Id::maximum_packet_size, Kind::four_byte_integer, in(connect, connack), Limit::not_zero);
  set(Id::wildcard_subscription_available, Kind::byte, in(connack), Limit::zero_or_one);
  set(Id::subscription_identifier_available, Kind::byte, in(connack), Limit::zero_or_one);
  set(Id::shared_subscription_available, Kind::byte, in(connack), Limit::zero_or_one);
  return table;
}();

const Rule& rule_of(std::uint32_t id) noexcept {
  static constexpr Rule unknown;
  return id < rules.size() ? rules[id] : unknown;
}
const Rule& rule_of(PropertyId id) noexcept { return rule_of(static_cast<std::uint32_t>(id)); }

/// Stores the value that a cursor read, if it read one.
template <typename Value, typename Member>
bool store(const std::optional<Value>& value, Member& member) noexcept {
  if (value) member = *value;
  return value.has_value();
}

bool take_value(Cursor& cursor, Kind kind, Property& property) noexcept {
  switch (kind) {
    case Kind::byte:
      return store(cursor.byte(), property.number);
    case Kind::two_byte_integer:
      return store(cursor.two_byte_integer(), property.number);
    case Kind::four_byte_integer:
      return store(cursor.four_byte_integer(), property.number);
    case Kind::variable_byte_integer:
      return store(cursor.variable_byte_integer(), property.number);
    case Kind::text:
      return store(cursor.text(), property.text);
    case Kind::text_pair:
      return store(cursor.text(), property.name) && store(cursor.text(), property.text);
    case Kind::binary:
      return store(cursor.binary(), property.data);
    case Kind::unknown:
      break;
  }
  return false;
}

/// Is the value one that table and sections allow its type?
Decoded<bool> check_value(const Property& property, Limit limit) {
  // [MQTT-1.5.7-1] [MQTT-3.3.2-13] [MQTT-3.3.2-19]
  if (!is_utf8_string(property.text) || !is_utf8_string(property.name)) {
    return malformed("text in a property is not UTF-8", "[MQTT-1.5.4-1]");
  }
  switch (limit) {
    case Limit::none:
      return true;
    case Limit::zero_or_one:
      if (property.number <= 1) return true;
      return refused(Reason::protocol_error, "property must be 0 or 1");
    case Limit::not_zero:
      if (property.number != 0) return true;
      if (property.id == PropertyId::topic_alias) {
        return refused(Reason::topic_alias_invalid, "topic alias 0", "[MQTT-3.3.2-8]");
      }
      return refused(Reason::protocol_error, "property must not be 0");
    case Limit::topic_name:  // nobody here publishes to it, however deep it is
      if (check_topic_name(property.text)) return true;
      return refused(Reason::protocol_error, "response topic is not a topic name",
                     "[MQTT-3.3.2-14]");
  }
  return true;
}

bool may_repeat(PropertyId id, PropertyPlace place) noexcept {
  return id == PropertyId::user_property ||
         (id == PropertyId::subscription_identifier && place == PropertyPlace::publish);
}

void write_id(ByteBuffer& out, PropertyId id) { out.push_back(static_cast<std::uint8_t>(id)); }

}  // namespace

bool take_property(Cursor& cursor, Property& property) noexcept {
  Cursor ahead = cursor;
  const auto id = ahead.variable_byte_integer();
  if (!id) return false;
  property = {};
  property.id = static_cast<PropertyId>(*id);
  if (!take_value(ahead, rule_of(*id).kind, property)) return false;
  property.raw = cursor.rest().first(cursor.rest().size() - ahead.rest().size());
  cursor = ahead;
  return true;
}

bool breaks(TextRule rule, Bytes properties) noexcept {
  if (rule == TextRule::any) return false;
  Cursor cursor(properties);
  Property property;
  while (take_property(cursor, property)) {
    if (breaks(rule, property.text) || breaks(rule, property.name)) return true;
  }
  return false;
}

Decoded<bool> PropertyReader::next(Property& property) {
  if (cursor_.at_end()) return false;
  if (!take_property(cursor_, property)) {
    return malformed("unknown property, or one that does not fit", "[section 2.2.2.2]");
  }
  const Rule& rule = rule_of(property.id);
  if ((rule.places & in(place_)) == 0) {
    return malformed("property not allowed in this packet", "[section 2.2.2.2]");
  }
  const std::uint64_t bit = std::uint64_t{1} << static_cast<unsigned>(property.id);
  if ((seen_ & bit) != 0 && !may_repeat(property.id, place_)) {
    return refused(Reason::protocol_error, "property stands twice");
  }
  seen_ |= bit;
  return check_value(property, rule.limit);
}

void UserProperties::append_to(ByteBuffer& out) const {
  Cursor cursor(block_);
  Property property;
  while (take_property(cursor, property)) {
    if (property.id == PropertyId::user_property) out.append(property.raw);
  }
}

void write_property(ByteBuffer& out, PropertyId id, std::uint32_t number) {
  write_id(out, id);
  switch (rule_of(id).kind) {
    case Kind::byte:
      return out.push_back(static_cast<std::uint8_t>(number));
    case Kind::two_byte_integer:
      return write_two_byte_integer(out, static_cast<std::uint16_t>(number));
    case Kind::four_byte_integer:
      return write_four_byte_integer(out, number);
    default:
      return write_variable_byte_integer(out, number);
  }
}

void write_property(ByteBuffer& out, PropertyId id, std::string_view text) {
  write_property(out, id, as_bytes(text));
}

void write_property(ByteBuffer& out, PropertyId id, Bytes data) {
  write_id(out, id);
  write_binary(out, data);
}

void write_user_property(ByteBuffer& out, std::string_view name, std::string_view value) {
  write_id(out, PropertyId::user_property);
  write_text(out, name);
  write_text(out, value);
}

void write_explanation(ByteBuffer& out, std::string_view reason_string,
                       const UserProperties& user) {
  if (!reason_string.empty()) write_property(out, PropertyId::reason_string, reason_string);
  user.append_to(out);
}

void write_property_block(ByteBuffer& out, Bytes block) {
  write_variable_byte_integer(out, static_cast<std::uint32_t>(block.size()));
  out.append(block);
}

}  // namespace mqtt
