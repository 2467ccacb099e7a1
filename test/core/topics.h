#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace test {

/// Levels of a topic; "a//b" has three.
inline std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> levels(1);
  for (const char letter : text) {
    if (letter == '/') {
      levels.emplace_back();
    } else {
      levels.back() += letter;
    }
  }
  return levels;
}

/// Section 4.7 word for word, slow and independent of the product: does `filter` match `topic`?
inline bool naive_matches(std::string_view filter, std::string_view topic) {
  if (topic.front() == '$' && (filter.front() == '+' || filter.front() == '#')) return false;
  const auto wanted = split(filter);
  const auto given = split(topic);
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == "#") return given.size() >= i;
    if (i == given.size()) return false;
    if (wanted[i] != "+" && wanted[i] != given[i]) return false;
  }
  return wanted.size() == given.size();
}

/// Random topics and filters from few, odd levels, so that many of them match.
class TopicSource {
 public:
  explicit TopicSource(std::uint64_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }
  bool one_in(std::size_t chances) { return below(chances) == 0; }
  std::string topic() { return join(false); }
  std::string filter() { return join(true); }

 private:
  std::string level() {
    static const std::vector<std::string> some = {"a",
                                                  "b",
                                                  "",
                                                  "c",
                                                  "$x",
                                                  "sixteen bytes...",
                                                  "exactly fifteen",
                                                  "a level that is longer than any inline text"};
    return some[below(some.size())];
  }
  std::string join(bool wildcards) {
    std::string text;
    const std::size_t count = 1 + below(5);
    for (std::size_t i = 0; i < count; ++i) {
      if (i > 0) text += '/';
      if (wildcards && one_in(8)) return text + '#';
      text += wildcards && one_in(4) ? "+" : level();
    }
    return text.empty() ? "a" : text;
  }

  std::mt19937_64 random_;
};

}  // namespace test
