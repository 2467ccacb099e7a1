#include "tools/darter-client/property.h"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>

#include "tools/darter-client/number.h"
#include "tools/darter-client/words.h"

namespace shell {
namespace {

using mqtt::PropertyId;

constexpr std::string_view message_packets = "publish will";
constexpr std::string_view answer_packets = "connack puback pubrec pubrel pubcomp disconnect auth";

constexpr auto kinds = std::to_array<PropertyKind>({
    {PropertyId::payload_format_indicator, "payload-format-indicator", PropertyType::byte,
     message_packets},
    {PropertyId::message_expiry_interval, "message-expiry-interval", PropertyType::four_bytes,
     message_packets},
    {PropertyId::content_type, "content-type", PropertyType::text, message_packets},
    {PropertyId::response_topic, "response-topic", PropertyType::text, message_packets},
    {PropertyId::correlation_data, "correlation-data", PropertyType::binary, message_packets},
    {PropertyId::subscription_identifier, "subscription-identifier", PropertyType::variable,
     "publish subscribe"},
    {PropertyId::session_expiry_interval, "session-expiry-interval", PropertyType::four_bytes,
     "connect connack disconnect"},
    {PropertyId::assigned_client_identifier, "assigned-client-identifier", PropertyType::text,
     "connack"},
    {PropertyId::server_keep_alive, "server-keep-alive", PropertyType::two_bytes, "connack"},
    {PropertyId::authentication_method, "authentication-method", PropertyType::text,
     "connect connack auth"},
    {PropertyId::authentication_data, "authentication-data", PropertyType::binary,
     "connect connack auth"},
    {PropertyId::request_problem_information, "request-problem-information", PropertyType::byte,
     "connect"},
    {PropertyId::will_delay_interval, "will-delay-interval", PropertyType::four_bytes, "will"},
    {PropertyId::request_response_information, "request-response-information", PropertyType::byte,
     "connect"},
    {PropertyId::response_information, "response-information", PropertyType::text, "connack"},
    {PropertyId::server_reference, "server-reference", PropertyType::text, "connack disconnect"},
    {PropertyId::reason_string, "reason-string", PropertyType::text, answer_packets},
    {PropertyId::receive_maximum, "receive-maximum", PropertyType::two_bytes, "connect connack"},
    {PropertyId::topic_alias_maximum, "topic-alias-maximum", PropertyType::two_bytes,
     "connect connack"},
    {PropertyId::topic_alias, "topic-alias", PropertyType::two_bytes, "publish"},
    {PropertyId::maximum_qos, "maximum-qos", PropertyType::byte, "connack"},
    {PropertyId::retain_available, "retain-available", PropertyType::byte, "connack"},
    {PropertyId::user_property, "user-property", PropertyType::pair, ""},
    {PropertyId::maximum_packet_size, "maximum-packet-size", PropertyType::four_bytes,
     "connect connack"},
    {PropertyId::wildcard_subscription_available, "wildcard-subscription-available",
     PropertyType::byte, "connack"},
    {PropertyId::subscription_identifier_available, "subscription-identifier-available",
     PropertyType::byte, "connack"},
    {PropertyId::shared_subscription_available, "shared-subscription-available", PropertyType::byte,
     "connack"},
});

/// The packets that -D knows; a client sends properties in those with a block.
struct PacketName {
  std::string_view name;
  std::string Properties::* block;  // null: a client of these tools sends none
};
constexpr auto packet_names = std::to_array<PacketName>({
    {"connect", &Properties::connect},
    {"connack", nullptr},
    {"publish", &Properties::publish},
    {"puback", nullptr},
    {"pubrec", nullptr},
    {"pubrel", nullptr},
    {"pubcomp", nullptr},
    {"subscribe", &Properties::subscribe},
    {"unsubscribe", &Properties::unsubscribe},
    {"disconnect", &Properties::disconnect},
    {"auth", nullptr},
    {"will", &Properties::will},
});

template <typename Row, std::size_t count>
const Row* row_named(const std::array<Row, count>& rows, std::string_view name) {
  const auto found =
      std::ranges::find_if(rows, [&](const Row& row) { return same_word(row.name, name); });
  return found == rows.end() ? nullptr : &*found;
}

/// Is the word one of a list with blanks between?
bool contains_word(std::string_view list, std::string_view word) {
  while (!list.empty()) {
    const auto blank = std::min(list.find(' '), list.size());
    if (list.substr(0, blank) == word) return true;
    list.remove_prefix(std::min(blank + 1, list.size()));
  }
  return false;
}

std::unexpected<std::string> property_fault(const std::string& text) {
  return std::unexpected("Error: " + text + "\n\n");
}

std::int64_t largest_of(PropertyType type) {
  switch (type) {
    case PropertyType::byte:
      return std::numeric_limits<std::uint8_t>::max();
    case PropertyType::two_bytes:
      return std::numeric_limits<std::uint16_t>::max();
    case PropertyType::variable:
      return mqtt::variable_byte_integer_max;
    default:
      return std::numeric_limits<std::uint32_t>::max();
  }
}

template <typename Write>
void append_to_block(std::string& block, Write&& write) {
  mqtt::ByteBuffer buffer;
  write(buffer);
  block += mqtt::as_text(buffer.view());
}

std::expected<void, std::string> write_value(const PropertyKind& kind, std::string_view value,
                                             std::string& block) {
  if (kind.type == PropertyType::text || kind.type == PropertyType::binary) {
    if (value.size() > mqtt::text_bytes_max) {
      return property_fault("Property value too long for property " + std::string(kind.name) + ".");
    }
    append_to_block(block, [&](mqtt::ByteBuffer& out) {
      if (kind.type == PropertyType::text) return mqtt::write_property(out, kind.id, value);
      mqtt::write_property(out, kind.id, mqtt::as_bytes(value));
    });
    return {};
  }
  const auto number = whole_number(value);
  if (!number || *number < 0 || *number > largest_of(kind.type)) {
    return property_fault("Property value (" + std::string(value) + ") out of range for property " +
                          std::string(kind.name) + ".");
  }
  add_property(block, kind.id, static_cast<std::uint32_t>(*number));
  return {};
}

}  // namespace

const PropertyKind* property_kind(PropertyId id) noexcept {
  const auto found = std::ranges::find(kinds, id, &PropertyKind::id);
  return found == kinds.end() ? nullptr : &*found;
}

void add_property(std::string& block, PropertyId id, std::uint32_t number) {
  append_to_block(block, [&](mqtt::ByteBuffer& out) { mqtt::write_property(out, id, number); });
}

void add_property(std::string& block, PropertyId id, std::string_view text) {
  append_to_block(block, [&](mqtt::ByteBuffer& out) { mqtt::write_property(out, id, text); });
}

mqtt::UserProperties user_properties(std::string_view block) {
  const mqtt::UserProperties found(mqtt::as_bytes(block));
  bool any = false;
  found.for_each([&](std::string_view, std::string_view) { any = true; });
  return any ? found : mqtt::UserProperties();
}

std::expected<std::size_t, std::string> take_property_words(std::span<const std::string> words,
                                                            Properties& properties) {
  constexpr const char* too_few = "--property argument given but not enough arguments specified.";
  if (words.size() < 3) return property_fault(too_few);
  const std::string& command = words[0];
  const std::string& name = words[1];
  const PacketName* packet = row_named(packet_names, command);
  if (packet == nullptr) {
    return property_fault("Invalid command " + command + " given in --property argument.");
  }
  const PropertyKind* kind = row_named(kinds, name);
  if (kind == nullptr) {
    return property_fault("Invalid property name " + name + " given in --property argument.");
  }
  const std::string pair = name + " property not ";
  if (!kind->commands.empty() && !contains_word(kind->commands, packet->name)) {
    return property_fault(pair + "allowed for " + command + " in --property argument.");
  }
  const bool user = kind->type == PropertyType::pair;
  if (user && words.size() < 4) return property_fault(too_few);
  // A subscription identifier in a PUBLISH is the server's alone.
  if (packet->block == nullptr ||
      (packet->block == &Properties::publish && kind->id == PropertyId::subscription_identifier)) {
    return property_fault(pair + "supported for " + command + " in --property argument.");
  }
  std::string& block = properties.*packet->block;
  if (user) {
    if (std::max(words[2].size(), words[3].size()) > mqtt::text_bytes_max) {
      return property_fault("Property value too long for property " + name + ".");
    }
    append_to_block(
        block, [&](mqtt::ByteBuffer& out) { mqtt::write_user_property(out, words[2], words[3]); });
    return 4;
  }
  if (const auto written = write_value(*kind, words[2], block); !written) {
    return std::unexpected(written.error());
  }
  return 3;
}

std::expected<void, std::string> check_properties(const Properties& properties) {
  struct Place {
    std::string_view name;
    const std::string& block;
    mqtt::PropertyPlace place;
  };
  const auto places = std::to_array<Place>({
      {"CONNECT", properties.connect, mqtt::PropertyPlace::connect},
      {"PUBLISH", properties.publish, mqtt::PropertyPlace::publish},
      {"SUBSCRIBE", properties.subscribe, mqtt::PropertyPlace::subscribe},
      {"UNSUBSCRIBE", properties.unsubscribe, mqtt::PropertyPlace::unsubscribe},
      {"DISCONNECT", properties.disconnect, mqtt::PropertyPlace::disconnect},
      {"Will", properties.will, mqtt::PropertyPlace::will},
  });
  for (const auto& [name, block, place] : places) {
    const auto checked =
        mqtt::visit_properties(mqtt::as_bytes(block), place, [](const mqtt::Property&) {});
    if (!checked) {
      return std::unexpected("Error in " + std::string(name) +
                             " properties: " + std::string(checked.error().what) + "\n");
    }
  }
  return {};
}

}  // namespace shell
