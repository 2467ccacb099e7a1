#include "broker/trace/property_text.h"

#include <string_view>

#include "broker/trace/packet_text.h"
#include "broker/wire/properties.h"

namespace trace {
namespace {

using mqtt::PropertyId;

std::string_view name_of(PropertyId id) {
  switch (id) {
    case PropertyId::payload_format_indicator:
      return "payload format";
    case PropertyId::message_expiry_interval:
      return "message expiry";
    case PropertyId::content_type:
      return "content type";
    case PropertyId::response_topic:
      return "response topic";
    case PropertyId::correlation_data:
      return "correlation data";
    case PropertyId::subscription_identifier:
      return "subscription identifier";
    case PropertyId::topic_alias:
      return "topic alias";
    case PropertyId::user_property:
      return "user property";
    default:
      break;
  }
  return "property";
}

std::string value_of(const mqtt::Property& property) {
  switch (property.id) {
    case PropertyId::content_type:
    case PropertyId::response_topic:
      return quoted(property.text);
    case PropertyId::correlation_data:
      return hex_of(property.data);
    case PropertyId::user_property:
      return quoted(property.name) + "=" + quoted(property.text);
    default:
      break;
  }
  return std::to_string(property.number);
}

}  // namespace

void add_properties(std::string& text, mqtt::Bytes properties) {
  mqtt::Cursor cursor(properties);
  mqtt::Property property;
  while (text.size() <= text_bytes_max && mqtt::take_property(cursor, property)) {
    text += ", ";
    text += name_of(property.id);
    text += " ";
    text += value_of(property);
  }
}

}  // namespace trace
