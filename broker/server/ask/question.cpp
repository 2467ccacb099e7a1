#include "broker/server/ask/question.h"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <span>
#include <system_error>

#include "broker/core/text.h"

namespace ask {
namespace {

using broker::concat;

template <typename Number>
bool read_number(std::string_view text, Number& number) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), number);
  return code == std::errc() && end == text.data() + text.size();
}

}  // namespace

Question::Question(const std::vector<std::string_view>& words) {
  assert(!words.empty());
  name_ = words.front();
  for (const std::string_view word : std::span(words).subspan(1)) {
    const std::size_t equals = std::min(word.find('='), word.size());
    words_.push_back({word.substr(0, equals), word.substr(std::min(equals + 1, word.size()))});
  }
}

bool Question::has(std::string_view key) const noexcept {
  return std::ranges::find(words_, key, &Word::key) != words_.end();
}

std::string_view Question::value(std::string_view key) const noexcept {
  const auto found = std::ranges::find(words_, key, &Word::key);
  return found == words_.end() ? std::string_view() : found->value;
}

std::vector<std::string_view> Question::values(std::string_view key) const {
  std::vector<std::string_view> all;
  for (const Word& word : words_) {
    if (word.key == key) all.push_back(word.value);
  }
  return all;
}

std::expected<std::size_t, std::string> Question::number(std::string_view key,
                                                         std::size_t otherwise,
                                                         std::size_t most) const {
  if (!has(key)) return otherwise;
  std::size_t number = 0;
  if (read_number(value(key), number) && number > 0 && number <= most) return number;
  return std::unexpected(concat({"'", key, "' is a number, 1 to ", std::to_string(most), ", not '",
                                 broker::cut(value(key)), "'."}));
}

std::string text_of(const Cursor& cursor) {
  return concat({std::to_string(cursor.shard), ":", std::to_string(cursor.place)});
}

std::expected<Cursor, std::string> cursor_of(std::string_view text) {
  Cursor cursor;
  if (text.empty()) return cursor;
  const std::size_t colon = std::min(text.find(':'), text.size());
  if (read_number(text.substr(0, colon), cursor.shard) &&
      read_number(text.substr(std::min(colon + 1, text.size())), cursor.place)) {
    return cursor;
  }
  return std::unexpected(
      concat({"'", broker::cut(text), "' is no place that a list has named as its next."}));
}

}  // namespace ask
