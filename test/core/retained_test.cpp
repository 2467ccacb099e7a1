#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/retained_walk.h"
#include "test/core/topics.h"

using broker::Instant;
using broker::MessageRef;
using broker::Retained;
using broker::RetainStamp;

namespace {

constexpr Instant start{1'000'000};

MessageRef message(std::string_view topic, std::string_view payload = "x",
                   std::optional<Instant> expires = std::nullopt) {
  return MessageRef::copy_of(
      {topic, mqtt::as_bytes(payload), {}, mqtt::Qos::at_least_once, true, expires});
}

using Contents = std::map<std::string, std::string>;

Contents match(Retained& retained, std::string_view filter, Instant now = start) {
  Contents found;
  retained.match(filter, now, [&](const Retained::Record& record) {
    const bool fresh =
        found
            .emplace(record.message->topic(), std::string(mqtt::as_text(record.message->payload())))
            .second;
    CHECK(fresh);
  });
  return found;
}

/// Everything, '$' topics too.
Contents contents(Retained& retained) {
  Contents all = match(retained, "#");
  for (const auto* filter : {"$x/#", "$SYS/#"}) all.merge(match(retained, filter));
  return all;
}

std::set<std::string> topics(Retained& retained, std::string_view filter) {
  std::set<std::string> found;
  for (const auto& [topic, payload] : match(retained, filter)) found.insert(topic);
  return found;
}

void sweep_all(Retained& retained, Instant now) {
  retained.sweep(now, 1'000'000, true, [](const Retained::Record&) {});
}

}  // namespace

TEST_CASE("a retained message replaces the one of its topic [MQTT-3.3.1-5]", "[retained]") {
  Retained retained;
  CHECK(retained.store(message("a/b", "old"), {1, 0}, nullptr));
  CHECK(retained.store(message("a/b", "newer"), {2, 0}, nullptr));
  CHECK(retained.size() == 1);
  CHECK(retained.size_bytes() == 3 + 5);
  CHECK(contents(retained) == Contents{{"a/b", "newer"}});
}

TEST_CASE("a retained message is removed and leaves nothing [MQTT-3.3.1-6]", "[retained]") {
  Retained retained;
  const bool tombstone = GENERATE(false, true);
  retained.store(message("a/b"), {1, 0}, nullptr);
  CHECK(retained.remove("a/b", {2, 0}, start, tombstone));
  CHECK(retained.remove("never/there", {3, 0}, start, tombstone));
  CHECK(retained.size() == 0);
  CHECK(retained.size_bytes() == 0);
  CHECK(retained.find("a/b") == nullptr);
  CHECK(contents(retained).empty());
  sweep_all(retained, broker::after_seconds(start, 61));
  CHECK(retained.nodes() == 1);
}

TEST_CASE("a record tells who published it", "[retained]") {
  Retained retained;
  const auto publisher = std::make_shared<const broker::Publisher>();
  retained.store(message("a"), {1, 0}, publisher);
  REQUIRE(retained.find("a") != nullptr);
  CHECK(retained.find("a")->publisher == publisher);
  CHECK(publisher.use_count() == 2);
  retained.remove("a", {2, 0}, start, true);
  CHECK(publisher.use_count() == 1);
  CHECK(retained.find("a/b") == nullptr);
  CHECK(retained.find("") == nullptr);
}

TEST_CASE("retained messages are found by filter", "[retained]") {
  Retained retained;
  for (const auto* topic : {"a", "a/b", "a/b/c", "b", "/", "$SYS/x", "a//c"}) {
    retained.store(message(topic), {1, 0}, nullptr);
  }
  using Topics = std::set<std::string>;
  CHECK(topics(retained, "a") == Topics{"a"});
  CHECK(topics(retained, "a/#") == Topics{"a", "a/b", "a/b/c", "a//c"});
  CHECK(topics(retained, "a/+") == Topics{"a/b"});
  CHECK(topics(retained, "+") == Topics{"a", "b"});
  CHECK(topics(retained, "a/+/c") == Topics{"a/b/c", "a//c"});
  CHECK(topics(retained, "+/+") == Topics{"a/b", "/"});
  CHECK(topics(retained, "#") == Topics{"a", "a/b", "a/b/c", "b", "/", "a//c"});
  CHECK(topics(retained, "nobody/+").empty());
}

TEST_CASE("a leading wildcard does not find retained $ topics [MQTT-4.7.2-1]", "[retained]") {
  Retained retained;
  retained.store(message("$SYS/uptime"), {1, 0}, nullptr);
  CHECK(match(retained, "#").empty());
  CHECK(match(retained, "+/uptime").empty());
  CHECK(match(retained, "+/#").empty());
  CHECK(match(retained, "$SYS/#").size() == 1);
  CHECK(match(retained, "$SYS/+").size() == 1);
  CHECK(match(retained, "$SYS/uptime").size() == 1);
}

TEST_CASE("an expired message is not found and later forgotten [MQTT-3.3.2-5]", "[retained]") {
  Retained retained;
  const Instant later = broker::after_seconds(start, 10);
  retained.store(message("a", "x", later), {1, 0}, nullptr);
  CHECK(match(retained, "a", start).size() == 1);
  CHECK(match(retained, "a", later).empty());
  CHECK(retained.size() == 1);
  sweep_all(retained, later);
  CHECK(retained.size() == 0);
  CHECK(retained.size_bytes() == 0);
  sweep_all(retained, broker::after_seconds(later, 61));
  CHECK(retained.nodes() == 1);
}

TEST_CASE("an older update changes nothing", "[retained]") {
  Retained retained;
  retained.store(message("a", "new"), {5, 1}, nullptr);
  CHECK_FALSE(retained.store(message("a", "old"), {4, 9}, nullptr));
  CHECK_FALSE(retained.store(message("a", "old"), {5, 0}, nullptr));
  CHECK_FALSE(retained.remove("a", {5, 0}, start, true));
  CHECK(contents(retained) == Contents{{"a", "new"}});
  CHECK(retained.remove("a", {6, 0}, start, true));
  CHECK_FALSE(retained.store(message("a", "old"), {5, 3}, nullptr));
  CHECK(contents(retained).empty());
}

TEST_CASE("a tombstone stays for a minute", "[retained]") {
  Retained retained;
  retained.remove("a", {5, 0}, start, true);
  sweep_all(retained, broker::after_seconds(start, 59));
  CHECK_FALSE(retained.store(message("a"), {4, 0}, nullptr));
  sweep_all(retained, broker::after_seconds(start, 60));
  CHECK(retained.nodes() == 1);
  CHECK(retained.store(message("a"), {4, 0}, nullptr));
}

TEST_CASE("what expired is not replaced by what is older", "[retained]") {
  // One replica hears of the old message only after it has swept the newer one.
  Retained retained;
  const Instant later = broker::after_seconds(start, 10);
  retained.store(message("a", "newer", later), {5, 0}, nullptr);
  sweep_all(retained, later);
  CHECK_FALSE(retained.store(message("a", "old"), {4, 0}, nullptr));
  CHECK(retained.find("a") == nullptr);
}

TEST_CASE("sweeping goes on where it stopped", "[retained]") {
  Retained retained;
  for (int i = 0; i < 100; ++i) {
    retained.store(message("t/" + std::to_string(i), "x", start), {1, 0}, nullptr);
  }
  for (int calls = 1; calls <= 10; ++calls) {
    retained.sweep(start, 10, true, [](const Retained::Record&) {});
    CHECK(retained.size() == 100U - 10U * static_cast<unsigned>(calls));
  }
}

TEST_CASE("what is due is taken off when it is due, however much there is", "[retained]") {
  Retained retained;
  const bool tombstones = GENERATE(false, true);
  constexpr int count = 50'000;
  const Instant later = broker::after_seconds(start, 10);
  retained.store(message("stays"), {1, 0}, nullptr);
  for (int i = 0; i < count; ++i) {
    const std::string topic = "t/" + std::to_string(i);
    retained.store(message(topic, "x", i % 2 == 0 ? std::optional(later) : std::nullopt), {1, 0},
                   nullptr);
    if (i % 2 == 1) retained.remove(topic, {2, 0}, start, tombstones);
  }
  const auto due = [&](Instant now) {
    std::size_t expired = 0;
    retained.sweep(now, SIZE_MAX, tombstones, [&](const Retained::Record&) { ++expired; });
    return expired;
  };
  CHECK(due(later) == count / 2);
  due(broker::after_seconds(later, 60));
  CHECK(retained.timed() == 0);
  CHECK(retained.nodes() == 2);
  CHECK(retained.size() == 1);
}

TEST_CASE("sweeping costs nothing while nothing is due", "[retained]") {
  Retained retained;
  const Instant later = broker::after_seconds(start, 10);
  for (int i = 0; i < 1000; ++i) retained.store(message("t", "x", later), {1, 0}, nullptr);
  CHECK(retained.timed() == 1);
  retained.store(message("t"), {2, 0}, nullptr);
  sweep_all(retained, later);
  CHECK(retained.timed() == 0);
  CHECK(retained.size() == 1);
  retained.store(message("t", "x", broker::after_seconds(later, 5)), {3, 0}, nullptr);
  retained.store(message("t", "x", broker::after_seconds(later, 9)), {4, 0}, nullptr);
  sweep_all(retained, broker::after_seconds(later, 8));
  CHECK(retained.size() == 1);
  sweep_all(retained, broker::after_seconds(later, 9));
  CHECK(retained.size() == 0);
}

TEST_CASE("replicas that saw the same updates in any order are equal", "[retained]") {
  const auto seed = GENERATE(range(1U, 11U));
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  test::TopicSource source(seed);
  const std::vector<std::string> names = {"a", "a/b", "b/c", "$x/a", "//"};
  using Update = std::function<void(Retained&)>;
  std::vector<Update> updates;
  for (std::uint64_t count = 1; count <= 60; ++count) {
    const std::string topic = names[source.below(names.size())];
    const RetainStamp stamp{count / 3, static_cast<std::uint32_t>(count % 3)};
    if (source.one_in(3)) {
      updates.emplace_back([=](Retained& replica) { replica.remove(topic, stamp, start, true); });
    } else {
      updates.emplace_back([=](Retained& replica) {
        replica.store(message(topic, std::to_string(count)), stamp, nullptr);
      });
    }
  }
  Retained first;
  for (const Update& update : updates) update(first);
  const Contents expected = contents(first);
  for (int replica = 0; replica < 20; ++replica) {
    std::ranges::shuffle(updates, random);
    Retained other;
    for (const Update& update : updates) update(other);
    CHECK(contents(other) == expected);
    CHECK(other.size() == expected.size());
    CHECK(other.size_bytes() == first.size_bytes());
    sweep_all(other, broker::after_seconds(start, 60));
    CHECK(contents(other) == expected);
  }
}

TEST_CASE("all orders of three updates of one topic end alike", "[retained]") {
  std::vector<int> order = {0, 1, 2};
  do {
    Retained replica;
    for (const int update : order) {
      if (update == 0) replica.store(message("a", "first"), {1, 0}, nullptr);
      if (update == 1) replica.remove("a", {2, 0}, start, true);
      if (update == 2) replica.store(message("a", "last"), {2, 1}, nullptr);
    }
    CHECK(contents(replica) == Contents{{"a", "last"}});
  } while (std::ranges::next_permutation(order).found);
}

TEST_CASE("a random store finds what asking each topic finds", "[retained]") {
  const auto seed = GENERATE(range(1U, 7U));
  CAPTURE(seed);
  test::TopicSource source(seed);
  Retained retained;
  Contents expected;
  for (std::uint64_t step = 1; step < 3000; ++step) {
    const std::string topic = source.topic();
    if (source.one_in(3)) {
      retained.remove(topic, {step, 0}, start, source.one_in(2));
      expected.erase(topic);
    } else {
      retained.store(message(topic, std::to_string(step)), {step, 0}, nullptr);
      expected[topic] = std::to_string(step);
    }
    REQUIRE(retained.size() == expected.size());
    if (step % 10 != 0) continue;
    const std::string filter = source.filter();
    CAPTURE(filter);
    Contents found;
    for (const auto& [name, payload] : expected) {
      if (test::naive_matches(filter, name)) found[name] = payload;
    }
    REQUIRE(match(retained, filter) == found);
  }
  const Contents last = expected;
  for (const auto& [topic, payload] : last) retained.remove(topic, {5000, 0}, start, false);
  CHECK(retained.size_bytes() == 0);
  sweep_all(retained, broker::after_seconds(start, 60));
  CHECK(retained.nodes() == 1);
}
