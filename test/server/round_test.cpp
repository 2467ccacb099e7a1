#include "broker/server/http/round.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

#include "broker/server/http/desk.h"

namespace {

using server::Round;

struct Scene {
  Round round;
  Round::Report done;
  int rings = 0;

  void begin(std::uint32_t loops, broker::Instant now = {1000}) {
    round.begin(
        loops, [this](const Round::Report& report) { done = report; }, [this] { ++rings; }, now);
  }
  void answer(std::uint32_t loop, std::uint64_t sessions = 0) {
    transport::LoopReport report;
    report.shard.sessions = sessions;
    done(broker::ShardIndex{loop}, report);
  }
};

}  // namespace

TEST_CASE("a round is complete when every loop has answered", "[round]") {
  Scene scene;
  CHECK_FALSE(scene.round.is_open());
  scene.begin(2);
  CHECK(scene.round.is_open());
  scene.answer(1, 11);
  CHECK_FALSE(scene.round.is_complete());
  CHECK(scene.round.silent_loops() == std::vector<std::uint32_t>{0});
  CHECK(scene.rings == 0);
  scene.answer(0, 10);
  CHECK(scene.rings == 1);
  REQUIRE(scene.round.is_complete());
  const auto reports = scene.round.take();
  REQUIRE(reports.size() == 2);
  CHECK(reports[0].shard.sessions == 10);
  CHECK(reports[1].shard.sessions == 11);
  CHECK_FALSE(scene.round.is_open());
}

TEST_CASE("a loop that does not answer in time is named, and its answer is dropped", "[round]") {
  Scene scene;
  scene.begin(2);
  scene.answer(0);
  CHECK_FALSE(scene.round.is_overdue({1000 + Round::patience_milliseconds - 1}));
  CHECK(scene.round.is_overdue({1000 + Round::patience_milliseconds}));
  const auto late = scene.done;
  scene.round.drop();
  scene.begin(2);
  late(broker::ShardIndex{1}, {});
  CHECK(scene.round.silent_loops() == std::vector<std::uint32_t>{0, 1});
}

TEST_CASE("a desk has a bounded number of questions", "[desk]") {
  const auto desk = server::Desk::open();
  REQUIRE(desk);
  for (std::size_t i = 0; i < server::Desk::questions_max; ++i) CHECK((*desk)->ask({}));
  CHECK_FALSE((*desk)->ask({}));
  CHECK((*desk)->take().size() == server::Desk::questions_max);
  CHECK((*desk)->take().empty());
  CHECK((*desk)->ask({}));
}
