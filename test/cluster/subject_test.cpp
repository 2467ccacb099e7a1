#include "broker/cluster/subject.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "broker/wire/topic.h"

using namespace std::string_literals;
using Strings = std::vector<std::string>;

namespace {

constexpr std::string_view prefix = "P";

std::string subject(std::string_view topic) {
  std::string out;
  const bool is_own = cluster::subject_of_topic(prefix, topic, out);
  return is_own ? out : "long: " + out;
}

Strings split(std::string_view text, char separator) {
  Strings parts(1);
  for (const char c : text) {
    if (c == separator) {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

/// Does a subject of a subscription match the subject of a message? As the manual of NATS has it.
bool nats_matches(std::string_view pattern, std::string_view subject) {
  const Strings wanted = split(pattern, '.');
  const Strings tokens = split(subject, '.');
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (wanted[i] == ">") return tokens.size() > i;
    if (i == tokens.size() || (wanted[i] != "*" && wanted[i] != tokens[i])) return false;
  }
  return wanted.size() == tokens.size();
}

/// What NATS takes as a subject of a message: tokens that are not empty, without its signs.
bool is_literal_subject(std::string_view subject) {
  const Strings tokens = split(subject, '.');
  return std::ranges::all_of(tokens, [](const std::string& token) {
    return !token.empty() && std::ranges::none_of(token, [](char c) {
      return static_cast<unsigned char>(c) <= 0x20 || c == 0x7F || c == '*' || c == '>';
    });
  });
}

/// The texts between backquotes of a row, with the escapes of the document undone.
Strings quoted(const std::string& line) {
  Strings texts;
  const Strings parts = split(line, '`');
  for (std::size_t i = 1; i < parts.size(); i += 2) {
    std::string text = parts[i];
    for (const auto& [mark, byte] :
         {std::pair{"\\s"s, " "s}, std::pair{"\\t"s, "\t"s}, std::pair{"\\x7F"s, "\x7F"s}}) {
      for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark)) {
        text.replace(at, mark.size(), byte);
      }
    }
    texts.push_back(text);
  }
  return texts;
}

/// The rows of the table that begins with `| head |`.
std::vector<Strings> table_of_document(const std::string& head) {
  std::ifstream file(DARTER_SOURCE_DIR "/broker/cluster/SUBJECTS.md");
  std::vector<Strings> rows;
  bool inside = false;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("| " + head + " |")) {
      inside = true;
    } else if (!line.starts_with("|")) {
      inside = false;
    } else if (inside && !line.starts_with("|-")) {
      rows.push_back(quoted(line));
    }
  }
  return rows;
}

using Random = std::minstd_rand;

std::size_t below(Random& random, std::size_t limit) { return (random() >> 7U) % limit; }

std::string pick(Random& random, const Strings& texts) {
  return texts[below(random, texts.size())];
}

// Levels of few different texts, so that filters and topics often match.
const Strings levels = {"a",   "b", "",  ".",  "*", ">",   "%",
                        "%41", "A", " ", "$a", "l", "a.b", "\x7F"};

std::string random_topic(Random& random) {
  std::string topic;
  for (std::size_t count = 1 + below(random, 4); count > 0; --count) {
    topic += pick(random, levels) + (count > 1 ? "/" : "");
  }
  return topic.empty() ? "a" : topic;
}

std::string random_filter(Random& random) {
  std::string filter;
  for (std::size_t count = 1 + below(random, 4); count > 0; --count) {
    const std::size_t kind = below(random, 6);
    if (count == 1 && kind == 0) return filter + "#";
    filter += (kind < 3 ? "+"s : pick(random, levels)) + (count > 1 ? "/" : "");
  }
  return filter.empty() ? "+" : filter;
}

}  // namespace

TEST_CASE("topics of the document have the subjects that it says, in both directions",
          "[cluster]") {
  const auto rows = table_of_document("topic");
  REQUIRE(rows.size() >= 15);
  for (const Strings& row : rows) {
    REQUIRE(row.size() == 2);
    CAPTURE(row[0]);
    CHECK(subject(row[0]) == row[1]);
    CHECK(cluster::topic_of_subject(prefix, row[1]) == row[0]);
  }
}

TEST_CASE("filters of the document have the subjects that it says", "[cluster]") {
  const auto rows = table_of_document("filter");
  REQUIRE(rows.size() >= 10);
  for (const Strings& row : rows) {
    REQUIRE(row.size() >= 2);
    CAPTURE(row[0]);
    CHECK(cluster::subjects_of_filter(prefix, row[0]) == Strings(row.begin() + 1, row.end()));
  }
}

TEST_CASE("a filter matches a topic exactly if one of its subjects matches the topic's subject",
          "[cluster]") {
  Random random(GENERATE(range(1U, 21U)));
  std::size_t matches = 0;
  for (int i = 0; i < 5000; ++i) {
    const std::string topic = random_topic(random);
    const std::string filter = random_filter(random);
    const auto subjects = cluster::subjects_of_filter(prefix, filter);
    const bool by_nats = std::ranges::any_of(
        subjects, [&](const std::string& wanted) { return nats_matches(wanted, subject(topic)); });
    const bool by_mqtt = mqtt::matches(filter, topic);
    if (by_mqtt) ++matches;
    if (by_nats == by_mqtt) continue;
    CAPTURE(topic, filter, subjects);
    CHECK(by_nats == by_mqtt);
  }
  CHECK(matches > 100);
}

TEST_CASE("any topic has a subject that NATS takes, of its own, and comes back from it",
          "[cluster]") {
  Random random(GENERATE(range(1U, 6U)));
  std::set<std::pair<std::string, std::string>> pairs;
  std::set<std::string> subjects;
  for (int i = 0; i < 2000; ++i) {
    std::string topic(1 + below(random, 6), '\0');
    for (char& c : topic) c = static_cast<char>(1 + below(random, 126));
    std::ranges::replace(topic, '+', 'p');
    std::ranges::replace(topic, '#', '/');
    const std::string made = subject(topic);
    if (!is_literal_subject(made)) FAIL(made);
    if (cluster::topic_of_subject(prefix, made) != topic) FAIL(topic);
    subjects.insert(made);
    pairs.insert({topic, made});
  }
  CHECK(pairs.size() == subjects.size());
}

TEST_CASE("a subject that no topic has is refused", "[cluster]") {
  const auto text = GENERATE(as<std::string>(), "", "P", "P.t", "P.t.", "P.l", "P.t.a.", "P.t..a",
                             "P.t.%61", "P.t.%2e", "P.t.%2", "P.t.a%", "P.t.%%", "P.t.%", "P.t.*",
                             "P.t.>", "P.t.a/b", "P.t.a b", "P.t.$a", "P.s.a", "Q.t.a", "P.x.a",
                             "PP.t.a", "P.t.+", "P.t.a.#", "P.t.%00", "P.t.\xFF", "P.t.%25%");
  CAPTURE(text);
  CHECK(cluster::topic_of_subject(prefix, text) == std::nullopt);
}

TEST_CASE("long topics share a subject, counted as they are encoded", "[cluster]") {
  const std::size_t most = cluster::tokens_bytes_max;
  CHECK(subject(std::string(most, 'x')) == "P.t." + std::string(most, 'x'));
  CHECK(subject(std::string(most + 1, 'x')) == "long: P.l");
  const std::string dots(most / 3, '.');
  CHECK(subject(dots).size() == 4 + dots.size() * 3);
  CHECK(subject(dots + "/") == "long: P.l");
  CHECK(cluster::topic_of_subject(prefix, "P.t." + std::string(most + 1, 'x')) == std::nullopt);
  CHECK(cluster::subject_of_long_topics(prefix) == "P.l");
}

TEST_CASE("filters with a wildcard, and long ones, may match long topics", "[cluster]") {
  const auto [filter, may] = GENERATE(table<std::string, bool>({{"a/b", false},
                                                                {"a+/b#", false},
                                                                {"#", true},
                                                                {"a/+", true},
                                                                {"a/#", true},
                                                                {std::string(1025, 'x'), true},
                                                                {std::string(1024, 'x'), false}}));
  CHECK(cluster::may_match_long_topics(filter) == may);
}

TEST_CASE("names of nodes and clusters are tokens as they are", "[cluster]") {
  const auto [name, good] = GENERATE(table<std::string, bool>({{"a", true},
                                                               {"node-1_A", true},
                                                               {std::string(64, 'x'), true},
                                                               {std::string(65, 'x'), false},
                                                               {"", false},
                                                               {"a.b", false},
                                                               {"a b", false},
                                                               {"é", false}}));
  CAPTURE(name);
  CHECK(cluster::is_name(name) == good);
  CHECK(cluster::prefix_of_cluster("c1") == "darter.c1");
}
