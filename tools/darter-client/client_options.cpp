#include "tools/darter-client/client_options.h"

#include <unistd.h>
#include <utility>

#include "broker/wire/properties.h"
#include "broker/wire/publish.h"

namespace shell {
namespace {

using mqtt::PropertyId;

/// Calls `visit` for each property of a block that check_properties() has seen.
template <typename Visit>
void for_each_property(std::string_view block, Visit&& visit) {
  mqtt::Cursor cursor(mqtt::as_bytes(block));
  mqtt::Property property;
  while (mqtt::take_property(cursor, property)) visit(property);
}

void take_connect_property(const mqtt::Property& property, client::Options& options) {
  switch (property.id) {
    case PropertyId::session_expiry_interval:
      options.session_expiry_interval_seconds = property.number;
      break;
    case PropertyId::receive_maximum:
      options.receive_maximum = static_cast<std::uint16_t>(property.number);
      break;
    case PropertyId::maximum_packet_size:
      options.packet_bytes_max = property.number;
      break;
    case PropertyId::topic_alias_maximum:
      options.topic_alias_in_max = static_cast<std::uint16_t>(property.number);
      break;
    case PropertyId::request_problem_information:
      options.request_problem_information = property.number != 0;
      break;
    case PropertyId::request_response_information:
      options.request_response_information = property.number != 0;
      break;
    case PropertyId::authentication_method:
      options.authentication_method = property.text;
      break;
    case PropertyId::authentication_data:
      options.authentication_data = mqtt::as_text(property.data);
      break;
    default:
      break;  // user properties stay in their block
  }
}

/// The user properties of a block alone.
std::string user_block(std::string_view block) {
  mqtt::ByteBuffer buffer;
  user_properties(block).append_to(buffer);
  return std::string(mqtt::as_text(buffer.view()));
}

client::WillOptions will_options(const Settings& settings) {
  MessageProperties properties = message_properties(settings.properties.will);
  return {.topic = settings.will.topic.value(),
          .payload = settings.will.payload.value_or(""),
          .qos = static_cast<mqtt::Qos>(settings.will.qos),
          .retain = settings.will.retain,
          .delay_interval_seconds = properties.will_delay_seconds,
          .message_expiry_interval_seconds = properties.expiry_seconds,
          .properties = std::move(properties.forwarded)};
}

}  // namespace

MessageProperties message_properties(std::string_view block) {
  MessageProperties result;
  mqtt::ByteBuffer forwarded;
  mqtt::forwarded_properties(mqtt::as_bytes(block), forwarded);
  result.forwarded = mqtt::as_text(forwarded.view());
  for_each_property(block, [&](const mqtt::Property& property) {
    if (property.id == PropertyId::message_expiry_interval) result.expiry_seconds = property.number;
    if (property.id == PropertyId::will_delay_interval) result.will_delay_seconds = property.number;
    if (property.id == PropertyId::topic_alias) {
      result.topic_alias = static_cast<std::uint16_t>(property.number);
    }
  });
  return result;
}

client::Options client_options(const Settings& settings, mqtt::Version version,
                               const std::string& client_id) {
  client::Options options;
  options.version = version;
  options.client_id = settings.client_id.value_or("");
  if (settings.client_id_prefix) {
    options.client_id = *settings.client_id_prefix + std::to_string(getpid());
  }
  // 3.1 has no empty identifier, and 3.1.1 none for a session that is kept.
  const bool needs_id =
      version == mqtt::Version::v3_1 || (version == mqtt::Version::v3_1_1 && !settings.clean);
  if (options.client_id.empty() && needs_id) options.client_id = client_id;
  options.clean_start = settings.clean;
  options.keep_alive_seconds = settings.keep_alive_seconds;
  options.user_name = settings.user_name;
  options.password = settings.password;
  // Before 5.0 a password needs a name.
  if (options.password && !options.user_name && version != mqtt::Version::v5_0) {
    options.user_name = "";
  }
  if (settings.will.topic) options.will = will_options(settings);
  options.inflight_max = settings.inflight_max;
  // A message that is acknowledged here is printed: no more are asked for than are to be printed.
  constexpr int receive_maximum = 20;
  const int count = settings.tool == Tool::rr ? 1 : settings.message_count;
  if (count > 0 && count < receive_maximum) {
    options.receive_maximum = static_cast<std::uint16_t>(count);
  }
  if (version == mqtt::Version::v5_0) {
    options.user_properties = user_block(settings.properties.connect);
    for_each_property(settings.properties.connect, [&](const mqtt::Property& property) {
      take_connect_property(property, options);
    });
    options.topic_alias_out_max = message_properties(settings.properties.publish).topic_alias;
  }
  return options;
}

mqtt::Disconnect disconnect_packet(const Settings& settings, mqtt::Reason reason) {
  mqtt::Disconnect packet{.reason = reason};
  const std::string_view block = settings.properties.disconnect;
  for_each_property(block, [&](const mqtt::Property& property) {
    if (property.id == PropertyId::session_expiry_interval) {
      packet.session_expiry_interval_seconds = property.number;
    } else if (property.id == PropertyId::reason_string) {
      packet.reason_string = property.text;
    }
  });
  packet.user_properties = user_properties(block);
  // It may not begin to be longer than 0 at the end [MQTT-3.1.2-23].
  client::Options options;
  for_each_property(settings.properties.connect, [&](const mqtt::Property& property) {
    take_connect_property(property, options);
  });
  if (options.session_expiry_interval_seconds == 0) packet.session_expiry_interval_seconds.reset();
  return packet;
}

}  // namespace shell
