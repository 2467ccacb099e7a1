#include "broker/core/soundness.h"

#include <cstddef>
#include <utility>

#include "broker/core/topic_trie.h"
#include "broker/wire/properties.h"
#include "broker/wire/protocol.h"
#include "broker/wire/publish.h"
#include "broker/wire/topic.h"
#include "broker/wire/utf8.h"

namespace broker {
namespace {

/// The front part that only a mount point can have brought, because clients may not; and the rest.
std::pair<std::string_view, std::string_view> split_mount(std::string_view path) {
  std::size_t levels = 1;
  std::size_t at = path.size();
  for (; at > 0 && levels <= mqtt::topic_levels_max; --at) {
    if (path[at - 1] == '/') ++levels;
  }
  if (levels <= mqtt::topic_levels_max) return {{}, path};
  return {path.substr(0, at), path.substr(at + 1)};
}

bool is_mount(std::string_view text) {
  static_assert(TopicTrie::max_mount_levels == mqtt::topic_levels_max);
  return text.empty() || mqtt::TopicName::parse(text).has_value();
}

}  // namespace

bool is_sound_topic(std::string_view topic) {
  const auto [mount, rest] = split_mount(topic);
  // A client's part may be one empty level: "m/" + "/" ends in one.
  return topic.size() <= mqtt::text_bytes_max && is_mount(mount) &&
         (mqtt::TopicName::parse(rest).has_value() || (rest.empty() && !mount.empty()));
}

bool is_sound_filter(std::string_view filter) {
  const auto [mount, rest] = split_mount(filter);
  return filter.size() <= mqtt::text_bytes_max && is_mount(mount) &&
         (mqtt::TopicFilter::parse(rest).has_value() || (rest.empty() && !mount.empty()));
}

bool is_sound_text(std::string_view text) {
  return text.size() <= mqtt::text_bytes_max && mqtt::is_utf8_string(text);
}

bool are_sound_properties(mqtt::Bytes properties) {
  if (properties.empty()) return true;
  mqtt::PropertyReader reader(properties, mqtt::PropertyPlace::publish);
  mqtt::Property property;
  for (;;) {
    const auto more = reader.next(property);
    if (!more) return false;
    if (!*more) break;
  }
  mqtt::ByteBuffer forwarded;
  mqtt::forwarded_properties(properties, forwarded);
  return forwarded.size() == properties.size();
}

bool is_sound(const MessageView& message) {
  const std::size_t size_bytes =
      message.topic.size() + message.properties.size() + message.payload.size();
  return message.qos <= mqtt::Qos::exactly_once && size_bytes <= mqtt::variable_byte_integer_max &&
         is_sound_topic(message.topic) && are_sound_properties(message.properties);
}

}  // namespace broker
