// broker/wire/topic.h
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "broker/wire/protocol.h"
#include "broker/wire/utf8.h"

namespace mqtt {

/// Most levels of a topic name or filter, so most 200 slashes; more are refused, as Mosquitto does.
inline constexpr std::size_t topic_levels_max = 201;

/// Whether a text has the form of a topic name, or of a topic filter: all that TopicName and
/// TopicFilter demand, but for the number of levels, which the specification does not bound.
///
/// Errors    malformed_packet with the fault.
[[nodiscard]] Decoded<bool> check_topic_name(std::string_view text);
[[nodiscard]] Decoded<bool> check_topic_filter(std::string_view text);

/// A topic name that has been checked: not empty [MQTT-4.7.3-1], no wildcard [MQTT-4.7.0-1],
/// well-formed UTF-8 without U+0000 [MQTT-4.7.3-2] [MQTT3-4.7.3-2], at most topic_levels_max
/// levels.
///
/// Lifetime   A view: the text belongs to the caller of parse().
class TopicName {
 public:
  /// Errors    malformed_packet with the fault.
  [[nodiscard]] static Decoded<TopicName> parse(std::string_view text);

  [[nodiscard]] std::string_view text() const noexcept { return text_; }

 private:
  explicit TopicName(std::string_view text) : text_(text) {}
  std::string_view text_;
};

/// A topic filter that has been checked: '#' only as the last level, '+' only as a whole level
/// [MQTT-4.7.1-1] [MQTT-4.7.1-2], not empty, UTF-8, at most topic_levels_max levels.
///
/// Lifetime   A view, as TopicName.
class TopicFilter {
 public:
  /// Errors    malformed_packet with the fault.
  [[nodiscard]] static Decoded<TopicFilter> parse(std::string_view text);

  [[nodiscard]] std::string_view text() const noexcept { return text_; }
  [[nodiscard]] bool has_wildcard() const noexcept;

 private:
  explicit TopicFilter(std::string_view text) : text_(text) {}
  std::string_view text_;
};

/// The two parts of "$share/NAME/FILTER" (section 4.8.2).
struct SharedFilter {
  std::string_view share_name;
  TopicFilter filter;
};

/// Takes a shared subscription's filter apart.
///
/// Returns   Nothing if `text` does not begin with "$share/"; it is an ordinary filter then.
/// Errors    malformed_packet: `text` is ill-formed as an ordinary filter, too. protocol_error: an
///           empty share name [MQTT-4.8.2-1], '+' for a share name, or no filter behind it
///           [MQTT-4.8.2-2].
[[nodiscard]] Decoded<std::optional<SharedFilter>> parse_shared(std::string_view text);

/// Does `filter` match `topic`? Both must be well-formed. "a/#" matches "a" (4.7.1.2); a leading
/// wildcard never matches a topic that begins with '$' [MQTT-4.7.2-1] [MQTT3-4.7.2-1]. Bytes are
/// compared as they are, nothing is normalised [MQTT-4.7.3-4] [MQTT3-4.7.3-4].
[[nodiscard]] bool matches(std::string_view filter, std::string_view topic) noexcept;

/// Whether a topic is one of those that the broker alone publishes to: "$SYS" and all below it,
/// Mosquitto's choice among the '$' topics that section 4.7.2 leaves to servers.
[[nodiscard]] inline bool is_sys(std::string_view topic) noexcept {
  return topic.starts_with("$SYS") && (topic.size() == 4 || topic[4] == '/');
}

/// "$SYS/broker/connection/NAME/state": says whether the bridge NAME is connected. The broker at
/// the bridge's other end publishes it, as a client of this one.
[[nodiscard]] bool is_bridge_state(std::string_view topic) noexcept;

/// Whether no client may publish to a topic, whatever its rights are: all of "$SYS" except
/// is_bridge_state() topics, "$share" and all below "$CONTROL", as Mosquitto has it.
[[nodiscard]] inline bool is_reserved(std::string_view topic) noexcept {
  return topic.starts_with('$') && (topic.starts_with("$share") || topic.starts_with("$CONTROL/") ||
                                    (topic.starts_with("$SYS") && !is_bridge_state(topic)));
}

/// Walks the levels of a topic: "a//b" has the levels "a", "", "b".
class LevelCursor {
 public:
  explicit LevelCursor(std::string_view text) : rest_(text) {}

  /// Moves to the next level. Returns false behind the last.
  bool next() noexcept {
    if (ended_) return false;
    const std::size_t slash = rest_.find('/');
    level_ = rest_.substr(0, slash);
    ended_ = slash == std::string_view::npos;
    if (!ended_) rest_.remove_prefix(slash + 1);
    return true;
  }
  [[nodiscard]] std::string_view level() const noexcept { return level_; }
  [[nodiscard]] bool last() const noexcept { return ended_; }

 private:
  std::string_view rest_;
  std::string_view level_;
  bool ended_ = false;
};

}  // namespace mqtt
