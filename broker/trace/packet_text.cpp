#include "broker/trace/packet_text.h"

#include <cstdint>
#include <initializer_list>
#include <utility>

#include "broker/trace/property_text.h"
#include "broker/wire/ack.h"
#include "broker/wire/connack.h"
#include "broker/wire/connect.h"
#include "broker/wire/disconnect.h"
#include "broker/wire/publish.h"
#include "broker/wire/reason_text.h"
#include "broker/wire/subscribe.h"
#include "broker/wire/utf8.h"

namespace trace {
namespace {

using mqtt::PacketType;
using mqtt::Version;

constexpr std::size_t payload_bytes_shown = 256;

void add(std::string& text, std::initializer_list<std::string_view> pieces) {
  for (const std::string_view piece : pieces) text += piece;
}

std::string number(auto value) { return std::to_string(static_cast<std::uint64_t>(value)); }

std::string_view name_of(Version version) {
  if (version == Version::v5_0) return "5.0";
  return version == Version::v3_1_1 ? "3.1.1" : "3.1";
}

std::string reason_of(mqtt::Reason reason) {
  constexpr std::string_view digits = "0123456789abcdef";
  const auto code = static_cast<unsigned>(reason);
  return std::string("0x") + digits[code >> 4U] + digits[code & 0x0FU] + " " +
         std::string(mqtt::text_of(reason));
}

void add_payload(std::string& text, mqtt::Bytes payload, std::size_t size_bytes, const View& view) {
  add(text, {", ", number(size_bytes), " bytes of payload"});
  if (view.payload) {
    add(text, {": ", quoted(mqtt::as_text(payload), payload_bytes_shown)});
  }
}

void add_explanation(std::string& text, std::string_view reason_string,
                     const mqtt::UserProperties& user) {
  if (!reason_string.empty()) add(text, {", reason string ", quoted(reason_string)});
  user.for_each([&](std::string_view name, std::string_view value) {
    add(text, {", user property ", quoted(name), "=", quoted(value)});
  });
}

/// The fault of a packet, behind its name.
std::string fault_of(const CutPacket& packet, const mqtt::Failure& failure) {
  std::string text;
  if (!packet.is_whole()) {
    add(text, {": too large to be shown"});
  } else {
    add(text, {": ", mqtt::text_of(failure.reason), ": ", failure.what, ": "});
    // An ill-formed CONNECT may hold a password anywhere.
    text += packet.type == PacketType::connect ? std::string("its bytes are not shown")
                                               : hex_of(packet.body);
  }
  return text;
}

mqtt::Frame frame_of(const CutPacket& packet) {
  return {packet.type, packet.flags, packet.body, packet.size_bytes};
}

void add_will(std::string& text, const mqtt::Will& will, const View& view) {
  add(text, {", will to ", quoted(will.topic), " QoS ", number(will.qos),
             will.retain ? ", retained" : ""});
  if (will.delay_interval_seconds != 0) {
    add(text, {", delayed by ", number(will.delay_interval_seconds), " s"});
  }
  add_payload(text, will.payload, will.payload.size(), view);
}

std::string connect_text(const CutPacket& packet, const View& view) {
  const auto decoded = mqtt::decode_connect(packet.body, packet.flags);
  if (!decoded) return fault_of(packet, decoded.error());
  std::string text;
  add(text, {" MQTT ", name_of(decoded->version), ", client ", quoted(decoded->client_id),
             decoded->clean_start ? ", clean start" : "", ", keep alive ",
             number(decoded->keep_alive_seconds), " s"});
  if (decoded->user_name) add(text, {", user ", quoted(*decoded->user_name)});
  if (decoded->password) add(text, {", a password"});
  if (decoded->from_bridge) add(text, {", a bridge"});
  if (decoded->will) add_will(text, *decoded->will, view);
  if (decoded->session_expiry_interval_seconds != 0) {
    add(text, {", session expiry ", number(decoded->session_expiry_interval_seconds), " s"});
  }
  if (decoded->receive_maximum != 65'535) {
    add(text, {", receive maximum ", number(decoded->receive_maximum)});
  }
  if (decoded->maximum_packet_size_bytes != 0) {
    add(text, {", maximum packet size ", number(decoded->maximum_packet_size_bytes)});
  }
  if (decoded->topic_alias_maximum != 0) {
    add(text, {", topic alias maximum ", number(decoded->topic_alias_maximum)});
  }
  if (decoded->authentication_method) {
    add(text, {", authentication method ", quoted(*decoded->authentication_method)});
  }
  add_explanation(text, {}, decoded->user_properties);
  return text;
}

std::string connack_text(const CutPacket& packet, const View& view) {
  const auto decoded = mqtt::decode_connack(frame_of(packet), view.version);
  if (!decoded) return fault_of(packet, decoded.error());
  std::string text;
  add(text, {" ", reason_of(decoded->reason), decoded->session_present ? ", session present" : ""});
  if (decoded->assigned_client_identifier) {
    add(text, {", assigned client ", quoted(*decoded->assigned_client_identifier)});
  }
  if (decoded->server_keep_alive_seconds) {
    add(text, {", server keep alive ", number(*decoded->server_keep_alive_seconds), " s"});
  }
  if (decoded->receive_maximum) {
    add(text, {", receive maximum ", number(*decoded->receive_maximum)});
  }
  if (decoded->maximum_qos) add(text, {", maximum QoS ", number(*decoded->maximum_qos)});
  if (decoded->maximum_packet_size_bytes) {
    add(text, {", maximum packet size ", number(*decoded->maximum_packet_size_bytes)});
  }
  if (decoded->topic_alias_maximum) {
    add(text, {", topic alias maximum ", number(*decoded->topic_alias_maximum)});
  }
  if (decoded->session_expiry_interval_seconds) {
    add(text, {", session expiry ", number(*decoded->session_expiry_interval_seconds), " s"});
  }
  add_explanation(text, decoded->reason_string.value_or(""), decoded->user_properties);
  return text;
}

std::string publish_text(const CutPacket& packet, const View& view) {
  // A payload may be cut: topic and properties stand before it.
  const auto decoded = mqtt::decode_publish(frame_of(packet), view.version, view.sent_by);
  if (!decoded) return fault_of(packet, decoded.error());
  std::string text;
  if (decoded->topic.empty()) {
    add(text, {" by alias"});
  } else {
    add(text, {" ", quoted(decoded->topic)});
  }
  add(text, {", QoS ", number(decoded->qos)});
  if (decoded->qos != mqtt::Qos::at_most_once) add(text, {", id ", number(decoded->packet_id)});
  if (decoded->retain) add(text, {", retain"});
  if (decoded->dup) add(text, {", dup"});
  add_properties(text, decoded->properties);
  add_payload(text, decoded->payload, decoded->payload.size() + packet.missing_bytes, view);
  return text;
}

std::string ack_text(const CutPacket& packet, const View& view) {
  const auto decoded = mqtt::decode_ack(frame_of(packet), view.version);
  if (!decoded) return fault_of(packet, decoded.error());
  std::string text = " id " + number(decoded->packet_id);
  if (view.version == Version::v5_0) add(text, {", ", reason_of(decoded->reason)});
  add_explanation(text, decoded->reason_string, decoded->user_properties);
  return text;
}

std::string subscribe_text(const CutPacket& packet, const View& view) {
  const auto decoded = mqtt::decode_subscribe(frame_of(packet), view.version);
  if (!decoded) return fault_of(packet, decoded.error());
  std::string text = " id " + number(decoded->packet_id);
  if (decoded->subscription_identifier != 0) {
    add(text, {", subscription identifier ", number(decoded->subscription_identifier)});
  }
  for (const mqtt::SubscribeEntry& entry : decoded->entries) {
    add(text,
        {", ", quoted(entry.filter), " QoS ", number(entry.qos), entry.no_local ? " no local" : "",
         entry.retain_as_published ? " retain as published" : ""});
    if (entry.retain_handling != mqtt::RetainHandling::send) {
      add(text, {" retain handling ", number(entry.retain_handling)});
    }
    if (text.size() > text_bytes_max) break;
  }
  add_explanation(text, {}, decoded->user_properties);
  return text;
}

std::string unsubscribe_text(const CutPacket& packet, const View& view) {
  const auto decoded = mqtt::decode_unsubscribe(frame_of(packet), view.version);
  if (!decoded) return fault_of(packet, decoded.error());
  std::string text = " id " + number(decoded->packet_id);
  for (const std::string_view filter : decoded->filters) {
    add(text, {", ", quoted(filter)});
    if (text.size() > text_bytes_max) break;
  }
  add_explanation(text, {}, decoded->user_properties);
  return text;
}

std::string answer_text(const CutPacket& packet, const View& view) {
  const auto decoded = mqtt::decode_subscribe_answer(frame_of(packet), view.version);
  if (!decoded) return fault_of(packet, decoded.error());
  std::string text = " id " + number(decoded->packet_id);
  for (const mqtt::Reason reason : decoded->reasons) {
    // 0 means granted QoS 0 in a SUBACK.
    const bool is_qos_0 = reason == mqtt::Reason::success && packet.type == PacketType::suback;
    add(text, {", ", is_qos_0 ? std::string("0x00 Granted QoS 0") : reason_of(reason)});
    if (text.size() > text_bytes_max) break;
  }
  add_explanation(text, decoded->reason_string, decoded->user_properties);
  return text;
}

std::string disconnect_text(const CutPacket& packet, const View& view) {
  const auto decoded = mqtt::decode_disconnect(frame_of(packet), view.version, view.sent_by);
  if (!decoded) return fault_of(packet, decoded.error());
  std::string text;
  if (view.version == Version::v5_0) {
    text = decoded->reason == mqtt::Reason::success ? " 0x00 Normal disconnection"
                                                    : " " + reason_of(decoded->reason);
  }
  if (decoded->session_expiry_interval_seconds) {
    add(text, {", session expiry ", number(*decoded->session_expiry_interval_seconds), " s"});
  }
  add_explanation(text, decoded->reason_string, decoded->user_properties);
  return text;
}

std::string auth_text(const CutPacket& packet, const View& view) {
  const auto decoded = mqtt::decode_auth(frame_of(packet), view.sent_by);
  if (!decoded) return packet.is_whole() ? ": ill-formed" : ": too large to be shown";
  std::string text = " " + reason_of(decoded->reason);
  if (decoded->authentication_method) {
    add(text, {", authentication method ", quoted(*decoded->authentication_method)});
  }
  return text;
}

std::string body_text(const CutPacket& packet, const View& view) {
  switch (packet.type) {
    case PacketType::connect:
      return connect_text(packet, view);
    case PacketType::connack:
      return connack_text(packet, view);
    case PacketType::publish:
      return publish_text(packet, view);
    case PacketType::puback:
    case PacketType::pubrec:
    case PacketType::pubrel:
    case PacketType::pubcomp:
      return ack_text(packet, view);
    case PacketType::subscribe:
      return subscribe_text(packet, view);
    case PacketType::suback:
    case PacketType::unsuback:
      return answer_text(packet, view);
    case PacketType::unsubscribe:
      return unsubscribe_text(packet, view);
    case PacketType::disconnect:
      return disconnect_text(packet, view);
    case PacketType::auth:
      return auth_text(packet, view);
    case PacketType::pingreq:
    case PacketType::pingresp:
      break;
  }
  return packet.body.empty() ? std::string() : ": a body that it may not have";
}

}  // namespace

std::string describe(const CutPacket& packet, const View& view) {
  std::string text(mqtt::name_of(packet.type));
  text += body_text(packet, view);
  const std::string size = " (" + number(packet.size_bytes) + " bytes)";
  return cut_text(std::move(text), text_bytes_max - size.size()) + size;
}

}  // namespace trace
