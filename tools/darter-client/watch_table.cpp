#include "tools/darter-client/watch_table.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>
#include <vector>

#include "broker/wire/utf8.h"

namespace shell {
namespace {

constexpr std::size_t payload_shown_max = 200;

/// The front of a payload on one line; bytes that are no text are shown by their number.
std::string shown_payload(std::string_view payload) {
  if (!mqtt::is_utf8_string(payload)) return "(" + std::to_string(payload.size()) + " bytes)";
  std::string text(payload.substr(0, payload_shown_max));
  std::ranges::replace_if(
      text, [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '\x7f'; }, ' ');
  return text;
}

/// The first characters of a text, as many as fit; UTF-8 is not cut within a character.
std::string_view front_of(std::string_view text, std::size_t characters) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool starts = (static_cast<unsigned char>(text[i]) & 0xC0U) != 0x80U;
    if (starts && count++ == characters) return text.substr(0, i);
  }
  return text;
}

std::size_t characters_of(std::string_view text) {
  return static_cast<std::size_t>(std::ranges::count_if(
      text, [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

std::string padded(std::string_view text, std::size_t width) {
  std::string result(front_of(text, width));
  result.append(width - characters_of(result), ' ');
  return result;
}

std::string right(const std::string& text, std::size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

std::string rate_text(std::uint64_t messages, std::int64_t milliseconds) {
  if (milliseconds <= 0) return "-";
  std::array<char, 32> text{};
  const double rate = static_cast<double>(messages) * 1000 / static_cast<double>(milliseconds);
  (void)std::snprintf(text.data(), text.size(), "%.1f", rate);
  return text.data();
}

std::string age_text(std::int64_t milliseconds) {
  const std::int64_t seconds = milliseconds / 1000;
  if (seconds < 60) return std::to_string(seconds) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + " min";
  return std::to_string(seconds / 3600) + " h";
}

}  // namespace

void WatchTable::add(const mqtt::Publish& message, broker::Instant now) {
  ++messages_;
  auto found = topics_.find(message.topic);
  if (found == topics_.end()) {
    if (topics_.size() == topics_max) {
      ++elsewhere_;
      return;
    }
    found = topics_.emplace(message.topic, Topic()).first;
  }
  Topic& topic = found->second;
  ++topic.messages;
  topic.last = now;
  topic.retained = message.retain;
  topic.payload_bytes = message.payload.size();
  topic.payload = shown_payload(mqtt::as_text(message.payload));
}

std::string WatchTable::render(broker::Instant now, std::size_t rows, std::size_t columns) {
  constexpr std::size_t count_width = 9;
  constexpr std::size_t rate_width = 9;
  constexpr std::size_t age_width = 8;
  constexpr std::size_t heading_rows = 2;
  const std::int64_t passed =
      rendered_milliseconds_ < 0 ? 0 : now.milliseconds - rendered_milliseconds_;
  std::vector<const Topics::value_type*> shown;
  shown.reserve(topics_.size());
  for (const auto& topic : topics_) shown.push_back(&topic);
  const auto news = [](const Topics::value_type* row) {
    return row->second.messages - row->second.messages_before;
  };
  const std::size_t room = rows > heading_rows + 1 ? rows - heading_rows - 1 : 1;
  if (shown.size() > room) {
    std::ranges::stable_sort(shown, std::greater<>(), news);
    shown.resize(room);
    std::ranges::sort(shown, {}, [](const auto* row) -> const std::string& { return row->first; });
  }
  std::size_t topic_width = 5;
  for (const auto* row : shown) topic_width = std::max(topic_width, characters_of(row->first));
  topic_width = std::min(topic_width, std::max<std::size_t>(columns / 3, 10));

  std::string out;
  const auto add_line = [&](std::string_view line) {
    const std::string_view front = front_of(line, columns);
    out.append(front.substr(0, front.find_last_not_of(' ') + 1)).append("\n");
  };
  add_line(broker_ + "   topics " + std::to_string(topics_.size()) + "   messages " +
           std::to_string(messages_) + "   " + rate_text(messages_ - messages_before_, passed) +
           "/s");
  add_line(padded("TOPIC", topic_width) + right("MESSAGES", count_width) +
           right("RATE/S", rate_width) + right("AGE", age_width) + "  LAST");
  for (const auto* row : shown) {
    const Topic& topic = row->second;
    add_line(padded(row->first, topic_width) + right(std::to_string(topic.messages), count_width) +
             right(rate_text(news(row), passed), rate_width) +
             right(age_text(now.milliseconds - topic.last.milliseconds), age_width) + "  " +
             (topic.retained ? "(retained) " : "") + topic.payload);
  }
  const std::size_t hidden = topics_.size() - shown.size();
  if (hidden > 0) add_line("and " + std::to_string(hidden) + " quieter topics");
  for (auto& [name, topic] : topics_) topic.messages_before = topic.messages;
  messages_before_ = messages_;
  rendered_milliseconds_ = now.milliseconds;
  return out;
}

}  // namespace shell
