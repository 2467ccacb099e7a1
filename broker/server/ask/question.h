// broker/server/ask/question.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

namespace ask {

/// A question to a running broker: a name, and words "KEY=VALUE" or "KEY".
///
/// Lifetime   As long as the words that it was made of.
class Question {
 public:
  /// Requires  At least one word.
  explicit Question(const std::vector<std::string_view>& words);

  [[nodiscard]] std::string_view name() const noexcept { return name_; }
  [[nodiscard]] bool has(std::string_view key) const noexcept;
  /// The first value of a key; empty: there is none.
  [[nodiscard]] std::string_view value(std::string_view key) const noexcept;
  [[nodiscard]] std::vector<std::string_view> values(std::string_view key) const;
  /// The number of a key, or `otherwise` if it is not there.
  ///
  /// Errors    One sentence, if it is no number from 1 to `most`.
  [[nodiscard]] std::expected<std::size_t, std::string> number(std::string_view key,
                                                               std::size_t otherwise,
                                                               std::size_t most) const;

 private:
  struct Word {
    std::string_view key;
    std::string_view value;
  };
  std::string_view name_;
  std::vector<Word> words_;
};

/// Where a list goes on: a shard, and a place in it. As text "SHARD:PLACE".
struct Cursor {
  std::uint32_t shard = 0;
  std::size_t place = 0;
  bool operator==(const Cursor&) const = default;
};
[[nodiscard]] std::string text_of(const Cursor& cursor);
/// The cursor of a text; the empty text is the beginning.
///
/// Errors    One sentence.
[[nodiscard]] std::expected<Cursor, std::string> cursor_of(std::string_view text);

}  // namespace ask
