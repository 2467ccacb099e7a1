#include "broker/core/drop_log.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using broker::DropLog;
using broker::DropReason;
using broker::Instant;
using broker::Session;

namespace {

constexpr std::uint64_t hash_key[2] = {1, 2};
constexpr std::int64_t interval_milliseconds = 10'000;

class Lines final : public broker::Log {
 public:
  [[nodiscard]] bool enabled(broker::LogType type) const noexcept override {
    return type == broker::LogType::notice;
  }
  void write(broker::LogType /*type*/, std::string_view line) override { all.emplace_back(line); }
  [[nodiscard]] std::vector<std::string> take() { return std::exchange(all, {}); }

  std::vector<std::string> all;
};

struct World {
  broker::Metrics metrics;
  Lines lines;
  broker::SessionTable sessions{hash_key};
  DropLog log{metrics, lines};
  Instant now{1'000'000};

  void drop(Session& session, DropReason reason, int times = 1) {
    for (; times > 0; --times) log.count(session, reason);
  }
  void next_interval() {
    now = after_milliseconds(now, interval_milliseconds);
    log.tell(sessions, now);
  }
};

bool has(const std::string& line, std::string_view text) {
  return line.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("a dropped message is counted by reason, for the shard and for the client",
          "[drop_log]") {
  World world;
  Session& session = world.sessions.create("slow");
  world.drop(session, DropReason::queue_full, 3);
  world.drop(session, DropReason::expired);
  CHECK(world.metrics.publish_dropped == 4);
  CHECK(world.metrics.dropped[static_cast<std::size_t>(DropReason::queue_full)] == 3);
  CHECK(session.outgoing_part().drops().ever[static_cast<std::size_t>(DropReason::expired)] == 1);
}

TEST_CASE("the first drop of a client is a line at once, the others wait for the interval",
          "[drop_log]") {
  World world;
  Session& session = world.sessions.create("slow");
  world.drop(session, DropReason::queue_full, 31);
  const auto first = world.lines.take();
  REQUIRE(first.size() == 1);
  CHECK(has(first[0], "client slow: queue_full"));
  world.next_interval();
  const auto second = world.lines.take();
  REQUIRE(second.size() == 1);
  CHECK(has(second[0], "queue_full 30"));
  CHECK(has(second[0], "31 ever"));
  // Nothing more was lost: nothing is said, and the next drop is a first one again.
  world.next_interval();
  CHECK(world.lines.take().empty());
  world.drop(session, DropReason::expired);
  CHECK(world.lines.take().size() == 1);
}

TEST_CASE("so many clients have lines of their own, the others share one", "[drop_log]") {
  World world;
  std::vector<Session*> sessions;
  for (int i = 0; i < 50; ++i) sessions.push_back(&world.sessions.create(std::to_string(i)));
  for (Session* const session : sessions) world.drop(*session, DropReason::slow_socket, 2);
  CHECK(world.lines.take().size() == 20);
  world.next_interval();
  const auto lines = world.lines.take();
  REQUIRE(lines.size() == 21);
  CHECK(has(lines.back(), "30 more clients"));
}

TEST_CASE("a session that ended since is passed over, another at its index too", "[drop_log]") {
  World world;
  Session& session = world.sessions.create("gone");
  world.drop(session, DropReason::queue_full, 5);
  (void)world.lines.take();
  world.sessions.retire(session);
  world.sessions.erase(session);
  world.sessions.create("next");
  world.next_interval();
  CHECK(world.lines.take().empty());
}
