#include "broker/core/retained_walk.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace {

using broker::Instant;
using broker::Retained;
using broker::RetainedWalk;
using Strings = std::vector<std::string>;

constexpr Instant now{1'000'000};

struct Scene {
  void store(std::string_view topic) {
    retained.store(broker::MessageRef::copy_of(
                       {topic, mqtt::as_bytes("x"), {}, mqtt::Qos::at_most_once, true, {}}),
                   {++count, 0}, nullptr);
  }
  void remove(std::string_view topic) { retained.remove(topic, {++count, 0}, now, false); }
  /// Continues a walk by so many steps. Returns whether it is over.
  bool run(RetainedWalk& walk, std::size_t steps = SIZE_MAX) {
    return walk.run(steps, now, [this](const Retained::Record& record) {
      topics.emplace_back(record.message->topic());
    });
  }

  Retained retained;
  std::uint64_t count = 0;
  Strings topics;  // that were visited
};

}  // namespace

TEST_CASE("a walk without wildcards visits one topic", "[retained_walk]") {
  Scene scene;
  scene.store("a/b");
  scene.store("a/b/c");
  RetainedWalk walk(scene.retained, "a/b");
  CHECK(scene.run(walk));
  CHECK(scene.topics == Strings{"a/b"});
}

TEST_CASE("a walk in single steps visits each message once", "[retained_walk]") {
  Scene scene;
  for (int i = 0; i < 20; ++i) scene.store("a/" + std::to_string(i) + "/x");
  scene.store("a");
  RetainedWalk walk(scene.retained, "a/#");
  int calls = 1;
  while (!scene.run(walk, 1)) ++calls;
  CHECK(calls > 40);
  CHECK(scene.topics.size() == 21);
  CHECK(scene.topics.front() == "a");  // "a/#" matches "a" (4.7.1.2)
}

TEST_CASE("messages that come while a walk waits are left out, those that go are not visited",
          "[retained_walk]") {
  Scene scene;
  for (const auto* topic : {"a/1", "a/2", "a/3"}) scene.store(topic);
  RetainedWalk walk(scene.retained, "a/+");
  CHECK_FALSE(scene.run(walk, 1));
  REQUIRE(scene.topics.size() == 1);
  const std::string first = scene.topics[0];
  for (const auto* topic : {"a/1", "a/2", "a/3"}) {
    if (topic != first) scene.remove(topic);
  }
  scene.store("a/4");
  scene.store(first);  // anew
  CHECK(scene.run(walk));
  CHECK(scene.topics == Strings{first});
}

TEST_CASE("a walk that is given up leaves the store as it was", "[retained_walk]") {
  Scene scene;
  scene.store("a/1");
  {
    RetainedWalk walk(scene.retained, "#");
    CHECK_FALSE(scene.run(walk, 1));
  }
  scene.remove("a/1");
  scene.topics.clear();
  RetainedWalk walk(scene.retained, "#");
  CHECK(scene.run(walk));
  CHECK(scene.topics.empty());
}

TEST_CASE("a leading wildcard does not match topics that begin with $ [MQTT-4.7.2-1]",
          "[retained_walk]") {
  Scene scene;
  scene.store("$SYS/a");
  scene.store("b/a");
  RetainedWalk walk(scene.retained, "+/a");
  CHECK(scene.run(walk));
  CHECK(scene.topics == Strings{"b/a"});
}
