// broker/core/soundness.h
#pragma once

#include <string_view>

#include "broker/core/message.h"
#include "broker/wire/bytes.h"

namespace broker {

/// Whether rows of a store may be used. A disk may give back bytes that were never written, and a
/// text that is no MQTT must not reach the tree of topics or a client.
///
/// Cost       One pass over topics and properties; payloads are not looked at.

/// A topic name with a mount point in front, which may bring further levels.
[[nodiscard]] bool is_sound_topic(std::string_view topic);
/// A topic filter with a mount point in front.
[[nodiscard]] bool is_sound_filter(std::string_view filter);
/// A client id, a user name, a share name: UTF-8 that fits a packet.
[[nodiscard]] bool is_sound_text(std::string_view text);
/// A property block as mqtt::forwarded_properties() makes it.
[[nodiscard]] bool are_sound_properties(mqtt::Bytes properties);
/// A message that could be sent.
[[nodiscard]] bool is_sound(const MessageView& message);

}  // namespace broker
