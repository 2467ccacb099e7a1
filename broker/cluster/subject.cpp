#include "broker/cluster/subject.h"

#include <algorithm>
#include <cassert>

#include "broker/core/text.h"
#include "broker/wire/topic.h"

namespace cluster {
namespace {

constexpr char topics_root = 't';
constexpr char dollar_root = 's';
constexpr char long_root = 'l';
constexpr std::string_view hex_digits = "0123456789ABCDEF";

bool is_escaped(char c) noexcept {
  const auto byte = static_cast<unsigned char>(c);
  return byte <= 0x20 || byte == 0x7F || c == '.' || c == '*' || c == '>' || c == '%';
}

std::size_t token_bytes(std::string_view level) noexcept {
  if (level.empty()) return 1;
  return level.size() + 2 * static_cast<std::size_t>(std::ranges::count_if(level, is_escaped));
}

void append_token(std::string_view level, std::string& out) {
  if (level.empty()) out += '%';
  for (const char c : level) {
    if (!is_escaped(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += hex_digits[byte >> 4U];
    out += hex_digits[byte & 0xFU];
  }
}

/// Appends the level of a token. Returns false if append_token() writes none like it.
bool append_level(std::string_view token, std::string& out) {
  if (token == "%") return true;
  if (token.empty()) return false;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '%') {
      if (is_escaped(token[i]) || token[i] == '/') return false;
      out += token[i];
      continue;
    }
    if (token.size() - i < 3) return false;
    const std::size_t high = hex_digits.find(token[i + 1]);
    const std::size_t low = hex_digits.find(token[i + 2]);
    if (high == std::string_view::npos || low == std::string_view::npos) return false;
    const char c = static_cast<char>(high << 4U | low);
    if (!is_escaped(c)) return false;
    out += c;
    i += 2;
  }
  return true;
}

void append_front(std::string_view prefix, std::string_view topic, std::string& out) {
  out += prefix;
  out += '.';
  out += topic.starts_with('$') ? dollar_root : topics_root;
}

}  // namespace

bool is_name(std::string_view text) noexcept {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of(letters) == std::string_view::npos;
}

std::string prefix_of_cluster(std::string_view cluster_name) {
  assert(is_name(cluster_name));
  return broker::concat({"darter.", cluster_name});
}

std::size_t tokens_bytes(std::string_view topic_or_filter) noexcept {
  std::size_t bytes = 0;
  // '+' and '#' have one byte, as "*" and ">".
  mqtt::LevelCursor levels(topic_or_filter);
  while (levels.next()) bytes += token_bytes(levels.level()) + (levels.last() ? 0 : 1);
  return bytes;
}

bool subject_of_topic(std::string_view prefix, std::string_view topic, std::string& out) {
  if (tokens_bytes(topic) > tokens_bytes_max) {
    out += subject_of_long_topics(prefix);
    return false;
  }
  append_front(prefix, topic, out);
  mqtt::LevelCursor levels(topic);
  while (levels.next()) {
    out += '.';
    append_token(levels.level(), out);
  }
  return true;
}

std::optional<std::string> topic_of_subject(std::string_view prefix, std::string_view subject) {
  if (!subject.starts_with(prefix)) return std::nullopt;
  subject.remove_prefix(prefix.size());
  if (subject.size() < 3 || subject[0] != '.' || subject[2] != '.') return std::nullopt;
  const char root = subject[1];
  subject.remove_prefix(3);
  if (subject.size() > tokens_bytes_max) return std::nullopt;
  std::string topic;
  for (bool more = true; more;) {
    const std::size_t dot = subject.find('.');
    if (!append_level(subject.substr(0, dot), topic)) return std::nullopt;
    more = dot != std::string_view::npos;
    if (!more) break;
    topic += '/';
    subject.remove_prefix(dot + 1);
  }
  if (root != (topic.starts_with('$') ? dollar_root : topics_root)) return std::nullopt;
  if (!mqtt::check_topic_name(topic)) return std::nullopt;
  return topic;
}

std::vector<std::string> subjects_of_filter(std::string_view prefix, std::string_view filter) {
  assert(tokens_bytes(filter) <= tokens_bytes_max);
  std::string subject;
  append_front(prefix, filter, subject);
  std::size_t size_before = 0;
  std::string_view before;
  mqtt::LevelCursor levels(filter);
  while (levels.next()) {
    const std::string_view level = levels.level();
    if (level == "#") {
      // "+/#" and ">" both match one level and more.
      if (before == "+") return {subject.substr(0, size_before) + ".>"};
      if (size_before == 0) return {subject + ".>"};
      return {subject, subject + ".>"};
    }
    before = level;
    size_before = subject.size();
    subject += '.';
    if (level == "+") {
      subject += '*';
    } else {
      append_token(level, subject);
    }
  }
  return {subject};
}

std::string subject_of_long_topics(std::string_view prefix) {
  std::string subject(prefix);
  subject += '.';
  subject += long_root;
  return subject;
}

std::string subject_of_heard(std::string_view prefix, std::string_view node_name) {
  return broker::concat({prefix, ".h.", node_name});
}

bool may_match_long_topics(std::string_view filter) noexcept {
  mqtt::LevelCursor levels(filter);
  while (levels.next()) {
    if (levels.level() == "+" || levels.level() == "#") return true;
  }
  return tokens_bytes(filter) > tokens_bytes_max;
}

}  // namespace cluster
