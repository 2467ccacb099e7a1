#include "broker/wire/connect.h"

#include <cassert>

#include "broker/wire/cursor.h"
#include "broker/wire/framer.h"
#include "broker/wire/publish.h"
#include "broker/wire/topic.h"
#include "broker/wire/utf8.h"

namespace mqtt {
namespace {

constexpr std::uint8_t bridge_bit = 0x80;

/// The bits of Connect Flags (section 3.1.2.3).
enum Flag : unsigned {
  reserved = 0x01,
  clean_start = 0x02,
  will = 0x04,
  will_qos = 0x18,
  will_retain = 0x20,
  password = 0x40,
  user_name = 0x80,
};

constexpr bool has(unsigned flags, Flag flag) noexcept { return (flags & flag) != 0; }

/// Mosquitto closes without CONNACK if a text is broken, in every version.
std::unexpected<Failure> unanswered(std::string_view what, std::string_view clauses = {}) {
  return std::unexpected(Failure{Reason::malformed_packet, what, Answered::never, clauses});
}

struct Protocol {
  Version version = Version::v5_0;
  bool from_bridge = false;
};

/// Bridges set bit 7 of the level, of 3 and of 4.
Decoded<Protocol> protocol_of(std::string_view name, std::uint8_t level) {
  const bool old_name = name == "MQIsdp";
  if (!old_name && name != "MQTT") {
    return malformed("unknown protocol name", "[MQTT-3.1.2-1] [MQTT3-3.1.2-1]");
  }
  const bool from_bridge = (level & bridge_bit) != 0;
  const unsigned number = level & ~unsigned{bridge_bit};
  if (old_name && number == 3) return Protocol{Version::v3_1, from_bridge};
  if (!old_name && number == 4) return Protocol{Version::v3_1_1, from_bridge};
  if (!old_name && level == 5) return Protocol{Version::v5_0, false};
  return refused(Reason::unsupported_protocol_version, "unsupported protocol version",
                 "[MQTT-3.1.2-2] [MQTT3-3.1.2-2]");
}

Decoded<Protocol> read_protocol(Cursor& cursor) {
  const auto name = cursor.text();
  const auto level = cursor.byte();
  if (!name || !level) return malformed("no protocol name and version");
  return protocol_of(*name, *level);
}

/// 3.1 gave the bits below no rules, but that a QoS is not 3.
Decoded<bool> check_flags(unsigned flags, Version version) {
  if ((flags & will_qos) == will_qos) {
    return malformed("will QoS 3", "[MQTT-3.1.2-12] [MQTT3-3.1.2-14]");
  }
  const bool password_alone = has(flags, password) && !has(flags, user_name);
  if (password_alone && version != Version::v5_0) {
    return malformed("password without user name", "[MQTT3-3.1.2-22]");
  }
  if (version == Version::v3_1) return true;
  if (has(flags, reserved)) {
    return malformed("reserved connect flag", "[MQTT-3.1.2-3] [MQTT3-3.1.2-3]");
  }
  if (!has(flags, will) && (flags & (will_qos | will_retain)) != 0) {
    return malformed("will QoS or retain without a will",
                     "[MQTT-3.1.2-11] [MQTT-3.1.2-13] [MQTT3-3.1.2-11] [MQTT3-3.1.2-13] "
                     "[MQTT3-3.1.2-15]");
  }
  return true;
}

void note_property(const Property& property, Connect& connect) {
  switch (property.id) {
    case PropertyId::session_expiry_interval:
      connect.session_expiry_interval_seconds = property.number;
      break;
    case PropertyId::receive_maximum:
      connect.receive_maximum = static_cast<std::uint16_t>(property.number);
      break;
    case PropertyId::maximum_packet_size:
      connect.maximum_packet_size_bytes = property.number;
      break;
    case PropertyId::topic_alias_maximum:
      connect.topic_alias_maximum = static_cast<std::uint16_t>(property.number);
      break;
    case PropertyId::request_response_information:
      connect.request_response_information = property.number != 0;
      break;
    case PropertyId::request_problem_information:
      connect.request_problem_information = property.number != 0;
      break;
    case PropertyId::authentication_method:
      connect.authentication_method = property.text;
      break;
    case PropertyId::authentication_data:
      connect.authentication_data = property.data;
      break;
    default:
      break;
  }
}

Decoded<bool> read_properties(Cursor& cursor, Connect& connect) {
  const auto block = take_property_block(cursor);
  if (!block) return malformed("properties do not fit");
  auto read = visit_properties(*block, PropertyPlace::connect, [&](const Property& property) {
    note_property(property, connect);
    if (property.id == PropertyId::user_property) connect.user_properties = UserProperties(*block);
  });
  if (read && connect.authentication_data && !connect.authentication_method) {
    return refused(Reason::protocol_error, "authentication data without a method",
                   "[section 3.1.2.11.10]");
  }
  return read;
}

Decoded<bool> read_will_properties(Cursor& cursor, Will& message) {
  const auto block = take_property_block(cursor);
  if (!block) return malformed("will properties do not fit");
  message.properties = *block;
  return visit_properties(*block, PropertyPlace::will, [&](const Property& property) {
    if (property.id == PropertyId::will_delay_interval) {
      message.delay_interval_seconds = property.number;
    } else if (property.id == PropertyId::message_expiry_interval) {
      message.message_expiry_interval_seconds = property.number;
    }
  });
}

/// Will Properties, Will Topic and Will Message [MQTT-3.1.2-9] [MQTT3-3.1.2-9].
Decoded<Will> read_will(Cursor& cursor, unsigned flags, Version version) {
  Will message;
  message.qos = static_cast<Qos>((flags & will_qos) >> 3U);
  message.retain = has(flags, will_retain);
  if (version == Version::v5_0) {
    const auto properties = read_will_properties(cursor, message);
    if (!properties) return std::unexpected(properties.error());
  }
  const auto topic = cursor.text();
  const auto payload = cursor.binary();
  if (!topic || !payload) return malformed("will does not fit");
  constexpr std::string_view will_topic = "[MQTT-3.1.3-11] [MQTT3-3.1.3-10]";
  if (topic->empty()) return refused(Reason::protocol_error, "empty will topic", will_topic);
  if (!is_utf8_string(*topic)) return unanswered("will topic is not UTF-8", will_topic);
  const auto name = TopicName::parse(*topic);
  if (!name) return std::unexpected(name.error());
  message.topic = name->text();
  message.payload = *payload;
  return message;
}

/// In 3.1 the Remaining Length outranks these flags: "Server implementations must allow for the
/// possibility that the User Name flag is set, but the User Name string is missing".
bool stands_here(unsigned flags, Flag flag, Version version, const Cursor& cursor) noexcept {
  return has(flags, flag) && !(version == Version::v3_1 && cursor.at_end());
}

Decoded<bool> read_credentials(Cursor& cursor, unsigned flags, Connect& connect) {
  if (stands_here(flags, user_name, connect.version, cursor)) {  // [MQTT-3.1.2-17] [MQTT3-3.1.2-19]
    connect.user_name = cursor.text();
    if (!connect.user_name) return unanswered("user name does not fit");
    if (!is_utf8_string(*connect.user_name)) {
      return unanswered("user name is not UTF-8", "[MQTT-3.1.3-12] [MQTT3-3.1.3-11]");
    }
  }
  if (stands_here(flags, password, connect.version, cursor)) {  // [MQTT-3.1.2-19] [MQTT3-3.1.2-21]
    connect.password = cursor.binary();
    if (!connect.password) return unanswered("password does not fit");
  }
  return true;
}

/// The fields stand in this order [MQTT-3.1.3-1] [MQTT3-3.1.3-1], and nothing stands behind them.
Decoded<bool> read_payload(Cursor& cursor, unsigned flags, Connect& connect) {
  const auto client_id = cursor.text();
  if (!client_id) return malformed("no client identifier", "[MQTT-3.1.3-3] [MQTT3-3.1.3-3]");
  // Any length will do [MQTT-3.1.3-5] [MQTT3-3.1.3-5].
  if (!is_utf8_string(*client_id)) {
    return std::unexpected(Failure{Reason::client_identifier_not_valid,
                                   "client identifier is not UTF-8", Answered::from_v5_0,
                                   "[MQTT-3.1.3-4] [MQTT3-3.1.3-4]"});
  }
  connect.client_id = *client_id;
  if (has(flags, will)) {
    const auto message = read_will(cursor, flags, connect.version);
    if (!message) return std::unexpected(message.error());
    connect.will = *message;
  }
  const auto credentials = read_credentials(cursor, flags, connect);
  if (!credentials) return credentials;
  // User name and password are absent if their flags are [MQTT-3.1.2-16] [MQTT-3.1.2-18]
  // [MQTT3-3.1.2-18] [MQTT3-3.1.2-20].
  if (!cursor.at_end()) return malformed("bytes left over");
  return true;
}

/// Flags, keep alive and properties.
Decoded<unsigned> read_variable_header(Cursor& cursor, Connect& connect) {
  const auto flags = cursor.byte();
  const auto keep_alive = cursor.two_byte_integer();
  if (!flags || !keep_alive) return malformed("no flags and keep alive");
  const auto checked = check_flags(*flags, connect.version);
  if (!checked) return std::unexpected(checked.error());
  connect.clean_start = has(*flags, clean_start);
  connect.keep_alive_seconds = *keep_alive;
  if (connect.version == Version::v5_0) {
    const auto properties = read_properties(cursor, connect);
    if (!properties) return std::unexpected(properties.error());
  }
  return *flags;
}

unsigned flags_of(const Connect& packet) noexcept {
  unsigned flags = 0;
  if (packet.clean_start) flags |= clean_start;
  if (packet.will) {
    flags |= will | static_cast<unsigned>(packet.will->qos) << 3U;
    if (packet.will->retain) flags |= will_retain;
  }
  if (packet.password) flags |= password;
  if (packet.user_name) flags |= user_name;
  return flags;
}

void write_properties(const Connect& packet, ByteBuffer& out) {
  using Id = PropertyId;
  if (packet.session_expiry_interval_seconds != 0) {
    write_property(out, Id::session_expiry_interval, packet.session_expiry_interval_seconds);
  }
  if (packet.receive_maximum != 65'535) {
    write_property(out, Id::receive_maximum, packet.receive_maximum);
  }
  if (packet.maximum_packet_size_bytes != 0) {
    write_property(out, Id::maximum_packet_size, packet.maximum_packet_size_bytes);
  }
  if (packet.topic_alias_maximum != 0) {
    write_property(out, Id::topic_alias_maximum, packet.topic_alias_maximum);
  }
  if (packet.request_response_information) {
    write_property(out, Id::request_response_information, 1U);
  }
  if (!packet.request_problem_information) {
    write_property(out, Id::request_problem_information, 0U);
  }
  if (packet.authentication_method) {
    write_property(out, Id::authentication_method, *packet.authentication_method);
  }
  if (packet.authentication_data) {
    write_property(out, Id::authentication_data, *packet.authentication_data);
  }
  packet.user_properties.append_to(out);
}

void write_will(const Will& message, Version version, ByteBuffer& out) {
  if (version == Version::v5_0) {
    ByteBuffer properties;
    if (message.delay_interval_seconds != 0) {
      write_property(properties, PropertyId::will_delay_interval, message.delay_interval_seconds);
    }
    if (message.message_expiry_interval_seconds) {
      write_property(properties, PropertyId::message_expiry_interval,
                     *message.message_expiry_interval_seconds);
    }
    forwarded_properties(message.properties, properties);
    write_property_block(out, properties.view());
  }
  write_text(out, message.topic);
  write_binary(out, message.payload);
}

}  // namespace

void encode(const Connect& packet, ByteBuffer& out) {
  const bool v5_0 = packet.version == Version::v5_0;
  assert(!(packet.from_bridge && v5_0));
  assert(v5_0 || packet.user_name || !packet.password);  // [MQTT3-3.1.2-22]
  ByteBuffer body;
  write_text(body, packet.version == Version::v3_1 ? "MQIsdp" : "MQTT");
  const auto level = static_cast<unsigned>(packet.version);
  body.push_back(static_cast<std::uint8_t>(packet.from_bridge ? level | bridge_bit : level));
  body.push_back(static_cast<std::uint8_t>(flags_of(packet)));
  write_two_byte_integer(body, packet.keep_alive_seconds);
  if (v5_0) {
    ByteBuffer properties;
    write_properties(packet, properties);
    write_property_block(body, properties.view());
  }
  write_text(body, packet.client_id);
  if (packet.will) write_will(*packet.will, packet.version, body);
  if (packet.user_name) write_text(body, *packet.user_name);
  if (packet.password) write_binary(body, *packet.password);
  write_fixed_header(out, PacketType::connect, 0, body.size());
  out.append(body.view());
}

Decoded<Connect> decode_connect(Bytes body, std::uint8_t header_flags) {
  Cursor cursor(body);
  const auto protocol = read_protocol(cursor);
  if (!protocol) return std::unexpected(protocol.error());
  // 3.1 does not use them.
  if (header_flags != 0 && protocol->version != Version::v3_1) {
    return malformed("bad flags for the packet type", "[MQTT-2.1.3-1] [MQTT3-2.2.2-2]");
  }
  Connect connect;
  connect.version = protocol->version;
  connect.from_bridge = protocol->from_bridge;
  const auto flags = read_variable_header(cursor, connect);
  if (!flags) return std::unexpected(flags.error());
  const auto read = read_payload(cursor, *flags, connect);
  if (!read) return std::unexpected(read.error());
  return connect;
}

ConnectHead head_of_connect(Bytes body) noexcept {
  ConnectHead head;
  Cursor cursor(body);
  const auto name = cursor.text();
  const auto level = cursor.byte();
  if (!name || !level) return head;
  head.level = *level;
  const unsigned number = *level & ~unsigned{bridge_bit};
  if (const auto protocol = protocol_of(*name, *level)) {
    head.version = protocol->version;
  } else if (number < 3 || number > 5) {
    head.version = Version::v5_0;
  }
  // Connect Flags and Keep Alive, and from 5 on a property block, stand before the identifier.
  if (!cursor.take(3)) return head;
  if (number >= 5 && !take_property_block(cursor)) return head;
  const auto client_id = cursor.text();
  if (client_id && is_utf8_string(*client_id)) head.client_id = *client_id;
  return head;
}

}  // namespace mqtt
