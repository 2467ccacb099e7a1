#include "broker/core/topic_trie.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/core/topics.h"

using broker::Subscriber;
using broker::TopicTrie;

namespace {

using Stored = TopicTrie::Stored;

Subscriber session(std::uint32_t index, mqtt::Qos qos = mqtt::Qos::at_most_once) {
  Subscriber subscriber;
  subscriber.index = index;
  subscriber.qos = qos;
  return subscriber;
}

Subscriber group(std::uint32_t index) {
  Subscriber subscriber = session(index);
  subscriber.kind = Subscriber::Kind::group;
  return subscriber;
}

std::vector<std::uint32_t> match(const TopicTrie& trie, std::string_view topic) {
  std::vector<std::uint32_t> found;
  trie.match(topic, [&](const Subscriber& subscriber) { found.push_back(subscriber.index); });
  std::ranges::sort(found);
  return found;
}

bool matches_one(const std::string& filter, const std::string& topic) {
  TopicTrie trie;
  trie.insert(filter, session(1));
  return !match(trie, topic).empty();
}

std::string deep(std::size_t levels, const std::string& level) {
  std::string path = level;
  for (std::size_t i = 1; i < levels; ++i) path += '/' + level;
  return path;
}

}  // namespace

TEST_CASE("a leading wildcard never matches a topic that begins with $ [MQTT-4.7.2-1]",
          "[topic_trie]") {
  const auto [filter, topic, matches] = GENERATE(table<std::string, std::string, bool>({
      {"#", "$SYS/uptime", false},
      {"+/uptime", "$SYS/uptime", false},
      {"+", "$SYS", false},
      {"+/#", "$SYS", false},
      {"$SYS/#", "$SYS/uptime", true},
      {"$SYS/#", "$SYS", true},
      {"$SYS/+", "$SYS/uptime", true},
      {"$SYS/uptime", "$SYS/uptime", true},
      {"#", "a/$SYS", true},
      {"a/+", "a/$SYS", true},
  }));
  CAPTURE(filter, topic);
  CHECK(matches_one(filter, topic) == matches);
}

TEST_CASE("'#' matches its parent and any number of levels below [MQTT-4.7.1-1]", "[topic_trie]") {
  const auto [filter, topic, matches] = GENERATE(table<std::string, std::string, bool>({
      {"sport/tennis/player1/#", "sport/tennis/player1", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/ranking", true},
      {"sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true},
      {"sport/#", "sport", true},
      {"sport/#", "sports", false},
      {"#", "/", true},
      {"#", "a/b/c/d", true},
      {"+/#", "a", true},
      {"a/#", "b/a", false},
  }));
  CAPTURE(filter, topic);
  CHECK(matches_one(filter, topic) == matches);
}

TEST_CASE("'+' matches exactly one level, an empty one too [MQTT-4.7.1-2]", "[topic_trie]") {
  const auto [filter, topic, matches] = GENERATE(table<std::string, std::string, bool>({
      {"sport/tennis/+", "sport/tennis/player1", true},
      {"sport/tennis/+", "sport/tennis/player1/ranking", false},
      {"sport/+", "sport", false},
      {"sport/+", "sport/", true},
      {"+/+", "/finance", true},
      {"/+", "/finance", true},
      {"+", "/finance", false},
      {"+/tennis/#", "sport/tennis", true},
      {"sport/+/player1", "sport/tennis/player1", true},
      {"sport/+/player1", "sport/player1", false},
  }));
  CAPTURE(filter, topic);
  CHECK(matches_one(filter, topic) == matches);
}

TEST_CASE("a filter without wildcards matches the same topic alone [MQTT-4.7.3-4]",
          "[topic_trie]") {
  CHECK(matches_one("ACCOUNTS", "ACCOUNTS"));
  CHECK_FALSE(matches_one("ACCOUNTS", "Accounts"));
  CHECK_FALSE(matches_one("/A", "A"));
  CHECK_FALSE(matches_one("A/", "A"));
  CHECK_FALSE(matches_one("A", "A/"));
  CHECK_FALSE(matches_one("A/B", "A"));
}

TEST_CASE("a second subscription to the same filter replaces the first [MQTT-3.8.4-3]",
          "[topic_trie]") {
  TopicTrie trie;
  const auto first = trie.insert("a/+", session(1, mqtt::Qos::at_most_once));
  CHECK(first.stored == Stored::fresh);
  const auto second = trie.insert("a/+", session(1, mqtt::Qos::exactly_once));
  CHECK(second.stored == Stored::replaced);
  CHECK(second.filter == first.filter);
  CHECK(trie.size() == 1);
  CHECK(trie.find(first.filter, session(1))->qos == mqtt::Qos::exactly_once);
  CHECK(match(trie, "a/b") == std::vector<std::uint32_t>{1});
}

TEST_CASE("a session and a group of one number are two subscribers", "[topic_trie]") {
  TopicTrie trie;
  trie.insert("a", session(1));
  trie.insert("a", group(1));
  CHECK(trie.size() == 2);
  CHECK(match(trie, "a").size() == 2);
  CHECK(trie.erase("a", group(1)));
  CHECK_FALSE(trie.erase("a", group(1)));
  CHECK(trie.find(trie.insert("a", session(1)).filter, group(1)) == nullptr);
  CHECK(match(trie, "a") == std::vector<std::uint32_t>{1});
}

TEST_CASE("overlapping filters of one subscriber are visited one by one", "[topic_trie]") {
  TopicTrie trie;
  for (const auto* filter : {"a/b", "a/+", "+/b", "#", "a/#", "a/b/#", "+/+/#", "a/c"}) {
    trie.insert(filter, session(1));
  }
  CHECK(match(trie, "a/b").size() == 7);
}

TEST_CASE("to erase what is not there says so", "[topic_trie]") {
  TopicTrie trie;
  trie.insert("a/b", session(1));
  CHECK_FALSE(trie.erase("a", session(1)));
  CHECK_FALSE(trie.erase("a/b", session(2)));
  CHECK_FALSE(trie.erase("a/b/c", session(1)));
  CHECK_FALSE(trie.erase("x", session(1)));
  CHECK(trie.size() == 1);
  CHECK(trie.erase("a/b", session(1)));
  CHECK(trie.size() == 0);
  CHECK(trie.nodes() == 1);
}

TEST_CASE("a filter keeps its index and text until its last subscriber goes", "[topic_trie]") {
  TopicTrie trie;
  const auto filter = trie.insert("a/+/c/#", session(1)).filter;
  for (std::uint32_t i = 2; i < 100; ++i) {
    CHECK(trie.insert("a/+/c/#", session(i)).filter == filter);
  }
  CHECK(trie.filter_text(filter) == "a/+/c/#");
  for (std::uint32_t i = 1; i < 99; ++i) trie.erase(filter, session(i));
  CHECK(trie.filter_text(filter) == "a/+/c/#");
  CHECK(match(trie, "a/b/c") == std::vector<std::uint32_t>{99});
  trie.erase(filter, session(99));
  CHECK(trie.nodes() == 1);
}

TEST_CASE("filters and topics of 200 levels are matched", "[topic_trie]") {
  TopicTrie trie;
  trie.insert(deep(200, "a"), session(1));
  trie.insert(deep(200, "+"), session(2));
  trie.insert(deep(199, "a") + "/#", session(3));
  trie.insert(deep(198, "+") + "/#", session(4));
  trie.insert(deep(200, "b"), session(5));
  CHECK(match(trie, deep(200, "a")) == std::vector<std::uint32_t>{1, 2, 3, 4});
  CHECK(match(trie, deep(199, "a")) == std::vector<std::uint32_t>{3, 4});
  CHECK(match(trie, deep(200, "c")) == std::vector<std::uint32_t>{2, 4});
}

TEST_CASE("a great many subscribers of one filter come and go in any order", "[topic_trie]") {
  constexpr std::uint32_t many = 20'000;
  TopicTrie trie;
  for (std::uint32_t i = 0; i < many; ++i) trie.insert("news", session(i));
  const auto filter = trie.insert("news", session(5, mqtt::Qos::at_least_once)).filter;
  CHECK(trie.size() == many);
  for (std::uint32_t i = 0; i < many; ++i) {
    const std::uint32_t victim = i * 7919 % many;  // each once: 7919 is prime
    REQUIRE(trie.find(filter, session(victim)) != nullptr);
    REQUIRE(trie.erase("news", session(victim)));
    if (i + 1 < many) REQUIRE(trie.find(filter, session(victim)) == nullptr);
    if (i % 4096 == 0) REQUIRE(match(trie, "news").size() == many - i - 1);
  }
  CHECK(trie.nodes() == 1);
}

TEST_CASE("a random trie finds what asking each filter finds", "[topic_trie]") {
  const auto seed = GENERATE(range(1U, 9U));
  CAPTURE(seed);
  test::TopicSource source(seed);
  TopicTrie trie;
  std::map<std::pair<std::string, std::uint32_t>, TopicTrie::FilterIndex> stored;
  const auto by_question = [&](const std::string& topic) {
    std::vector<std::uint32_t> found;
    for (const auto& [key, filter] : stored) {
      if (test::naive_matches(key.first, topic)) found.push_back(key.second);
    }
    std::ranges::sort(found);
    return found;
  };
  for (std::size_t step = 0; step < 3000; ++step) {
    const std::string filter = source.filter();
    const auto index = static_cast<std::uint32_t>(source.below(6));
    const bool known = stored.contains({filter, index});
    if (source.one_in(3)) {
      REQUIRE(trie.erase(filter, session(index)).has_value() == known);
      stored.erase({filter, index});
    } else if (source.one_in(5) && !stored.empty()) {
      const auto victim =
          std::next(stored.begin(), static_cast<std::ptrdiff_t>(source.below(stored.size())));
      trie.erase(victim->second, session(victim->first.second));
      stored.erase(victim);
    } else {
      const auto insertion = trie.insert(filter, session(index));
      REQUIRE((insertion.stored == Stored::replaced) == known);
      stored[{filter, index}] = insertion.filter;
    }
    REQUIRE(trie.size() == stored.size());
    if (step % 5 == 0) {
      const std::string topic = source.topic();
      CAPTURE(topic);
      REQUIRE(match(trie, topic) == by_question(topic));
    }
  }
  for (const auto& [key, filter] : stored) trie.erase(filter, session(key.second));
  CHECK(trie.size() == 0);
  CHECK(trie.nodes() == 1);
}
