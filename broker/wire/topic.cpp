#include "broker/wire/topic.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace mqtt {
namespace {

constexpr std::uint64_t every_byte(std::uint64_t value) { return value * 0x0101'0101'0101'0101U; }

/// High bit of each byte that is not `value`. Exact as long as all bytes are ASCII: no sum of two
/// seven-bit numbers carries into the next byte.
constexpr std::uint64_t differs(std::uint64_t word, unsigned char value) {
  return (word ^ every_byte(value)) + every_byte(0x7F);
}

bool plain(std::uint64_t word) noexcept {
  const std::uint64_t allowed = differs(word, 0) & differs(word, '+') & differs(word, '#');
  return ((allowed & ~word) & every_byte(0x80)) == every_byte(0x80);
}

std::uint64_t eight_bytes(const char* at) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

/// Is `text` ASCII without U+0000 and wildcards? Almost every topic name is.
bool plain(std::string_view text) noexcept {
  if (text.size() < 8) {
    char padded[8] = {'/', '/', '/', '/', '/', '/', '/', '/'};
    std::copy(text.begin(), text.end(), padded);
    return plain(eight_bytes(padded));
  }
  const char* const last = text.data() + text.size() - 8;
  for (const char* at = text.data(); at < last; at += 8) {
    if (!plain(eight_bytes(at))) return false;
  }
  return plain(eight_bytes(last));  // may look at some bytes twice
}

constexpr std::string_view empty_name = "[MQTT-4.7.3-1] [MQTT3-4.7.3-1]";
constexpr std::string_view misplaced_number_sign = "[MQTT-4.7.1-1] [MQTT3-4.7.1-2]";
constexpr std::string_view misplaced_plus_sign = "[MQTT-4.7.1-2] [MQTT3-4.7.1-3]";

bool too_many_levels(std::string_view text) noexcept {
  if (text.size() < topic_levels_max) return false;
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '/')) >= topic_levels_max;
}

}  // namespace

Decoded<bool> check_topic_name(std::string_view text) {
  if (text.empty()) return malformed("empty topic name", empty_name);
  if (plain(text)) return true;
  // [MQTT-3.3.2-1] [MQTT-4.7.3-2] [MQTT3-3.3.2-1] [MQTT3-4.7.3-2]
  if (!is_utf8_string(text))
    return malformed("topic name is not UTF-8", "[MQTT-1.5.4-1] [MQTT3-1.5.3-1]");
  // Of PUBLISH alone: [MQTT-3.3.2-2] [MQTT3-3.3.2-2].
  if (text.find_first_of("+#") != std::string_view::npos) {
    return malformed("wildcard in topic name", "[MQTT-4.7.0-1] [MQTT3-4.7.1-1]");
  }
  return true;
}

Decoded<bool> check_topic_filter(std::string_view text) {
  if (text.empty()) return malformed("empty topic filter", empty_name);
  if (plain(text)) return true;
  if (!is_utf8_string(text))
    return malformed("topic filter is not UTF-8", "[MQTT-3.8.3-1] [MQTT3-3.8.3-1]");
  LevelCursor levels(text);
  while (levels.next()) {
    const std::string_view level = levels.level();
    if (level.find_first_of("+#") == std::string_view::npos) continue;
    if (level.size() > 1) {
      return malformed("wildcard beside other characters",
                       level.contains('#') ? misplaced_number_sign : misplaced_plus_sign);
    }
    if (level == "#" && !levels.last()) {
      return malformed("'#' before the end", misplaced_number_sign);
    }
  }
  return true;
}

Decoded<TopicName> TopicName::parse(std::string_view text) {
  // On the way of every message, where almost every name is plain.
  if (text.empty() || !plain(text)) {
    if (const auto checked = check_topic_name(text); !checked) {
      return std::unexpected(checked.error());
    }
  }
  if (too_many_levels(text)) return malformed("topic name has too many levels");
  return TopicName(text);
}

Decoded<TopicFilter> TopicFilter::parse(std::string_view text) {
  if (const auto checked = check_topic_filter(text); !checked) {
    return std::unexpected(checked.error());
  }
  if (too_many_levels(text)) return malformed("topic filter has too many levels");
  return TopicFilter(text);
}

bool TopicFilter::has_wildcard() const noexcept {
  return text_.find_first_of("+#") != std::string_view::npos;
}

Decoded<std::optional<SharedFilter>> parse_shared(std::string_view text) {
  constexpr std::string_view prefix = "$share/";
  if (!text.starts_with(prefix)) return std::nullopt;
  const auto bad = [](std::string_view what, std::string_view clause) {
    return refused(Reason::protocol_error, what, clause);
  };
  if (const auto whole = TopicFilter::parse(text); !whole) return std::unexpected(whole.error());
  text.remove_prefix(prefix.size());
  const std::size_t slash = text.find('/');
  const std::string_view share_name = text.substr(0, slash);
  if (share_name.empty()) return bad("empty share name", "[MQTT-4.8.2-1]");
  if (share_name.find_first_of("+#") != std::string_view::npos) {
    return bad("wildcard in share name", "[MQTT-4.8.2-2]");
  }
  if (slash == std::string_view::npos || slash + 1 == text.size()) {
    return bad("shared subscription without a topic filter", "[MQTT-4.8.2-2]");
  }
  const auto filter = TopicFilter::parse(text.substr(slash + 1));
  if (!filter) return std::unexpected(filter.error());
  return SharedFilter{share_name, *filter};
}

bool matches(std::string_view filter, std::string_view topic) noexcept {
  const bool wildcard_first = filter.starts_with('+') || filter.starts_with('#');
  if (wildcard_first && topic.starts_with('$')) return false;  // [MQTT-4.7.2-1]
  LevelCursor filter_levels(filter);
  LevelCursor topic_levels(topic);
  while (filter_levels.next()) {
    if (filter_levels.level() == "#") return true;  // the parent too: the topic may have ended here
    if (!topic_levels.next()) return false;
    if (filter_levels.level() != "+" && filter_levels.level() != topic_levels.level()) return false;
  }
  return topic_levels.last();
}

bool is_bridge_state(std::string_view topic) noexcept {
  return matches("$SYS/broker/connection/+/state", topic);
}

}  // namespace mqtt
