#include "broker/cluster/envelope.h"

#include <limits>

#include "broker/field_wire.h"
#include "broker/wire/publish.h"
#include "broker/wire/topic.h"

namespace cluster {
namespace {

constexpr std::uint8_t retain_flag = 4;
constexpr std::uint8_t qos_flags = 3;

std::uint8_t flags_of(const broker::MessageView& message) noexcept {
  const auto qos = static_cast<std::uint8_t>(message.qos);
  return static_cast<std::uint8_t>(qos + (message.retain ? retain_flag : 0));
}

/// Nothing if a shard may be given a message of that topic.
std::optional<std::string_view> topic_fault(std::string_view topic) {
  if (topic.size() > std::numeric_limits<std::uint16_t>::max()) return "topic too long";
  if (const auto checked = mqtt::check_topic_name(topic); !checked) return checked.error().what;
  if (mqtt::is_sys(topic) || mqtt::is_reserved(topic)) return "topic of each node's own";
  return std::nullopt;
}

}  // namespace

void encode(const Envelope& envelope, bool carries_topic, broker::Instant now,
            mqtt::ByteBuffer& out) {
  broker::FieldWriter writer(now, out);
  const broker::MessageView& message = envelope.message;
  writer(envelope_version, flags_of(message), envelope.sender, envelope.number, message.expires);
  writer.bytes(message.properties);
  writer.bytes(mqtt::as_bytes(carries_topic ? message.topic : std::string_view()));
  out.append(message.payload);
}

std::expected<Envelope, std::string_view> decode(std::string_view topic, mqtt::Bytes payload,
                                                 broker::Instant now) {
  broker::FieldReader reader(now, payload);
  if (reader.integer<std::uint8_t>() != envelope_version) {
    return std::unexpected(payload.empty() ? "fields do not fit" : "another version");
  }
  Envelope envelope;
  broker::MessageView& message = envelope.message;
  const auto flags = reader.integer<std::uint8_t>();
  const auto qos = static_cast<std::uint8_t>(flags & qos_flags);
  if (qos > 2 || flags > (qos_flags | retain_flag)) reader.fail("flags that no message has");
  message.qos = static_cast<mqtt::Qos>(qos);
  message.retain = (flags & retain_flag) != 0;
  reader(envelope.sender, envelope.number, message.expires);
  if (envelope.number == 0) reader.fail("number 0");
  message.properties = reader.bytes();
  const std::string_view carried = mqtt::as_text(reader.bytes());
  message.payload = reader.rest();
  if (const auto fault = reader.fault()) return std::unexpected(*fault);
  if (carried.empty() == topic.empty()) return std::unexpected("topic in the wrong place");
  message.topic = topic.empty() ? carried : topic;
  if (const auto fault = topic_fault(message.topic)) return std::unexpected(*fault);
  if (const auto checked = mqtt::check_forwarded_properties(message.properties); !checked) {
    return std::unexpected(checked.error().what);
  }
  return envelope;
}

}  // namespace cluster
