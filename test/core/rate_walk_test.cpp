#include "broker/core/rate_walk.h"

#include <catch2/catch.hpp>
#include <cstdint>

#include "broker/core/message_rate.h"

using broker::Instant;
using broker::MessageRate;

namespace {

constexpr Instant start{1'000'000};

constexpr Instant after_start(std::int64_t milliseconds) {
  return broker::after_milliseconds(start, milliseconds);
}

void take_messages(MessageRate& rate, int messages) {
  for (int i = 0; i < messages; ++i) rate.count_received();
}

/// A table of connections, each of which has sent ten messages.
struct Scene {
  explicit Scene(std::uint32_t connections) {
    for (std::uint32_t slot = 0; slot < connections; ++slot) {
      take_messages(table.open({slot, 1}, 0, start).message_rate, 10);
    }
  }
  /// The connections whose first window is over.
  [[nodiscard]] std::uint32_t walked(Instant now) {
    std::uint32_t count = 0;
    table.for_each([&](const broker::Connection& connection) {
      if (connection.message_rate.rates(now).received == 0) ++count;
    });
    return count;
  }

  broker::Metrics metrics;
  broker::ConnectionTable table{metrics};
  broker::RateWalk walk{table};
};

}  // namespace

TEST_CASE("a walk comes to every connection, a part of them at a tick", "[rate_walk]") {
  constexpr std::uint32_t connections = 2500;
  Scene scene(connections);
  scene.table.remove(*scene.table.find({7, 1}));
  scene.walk.tick(after_start(5000));
  CHECK(scene.walked(after_start(7000)) == 1023);
  scene.walk.tick(after_start(5100));
  CHECK(scene.walked(after_start(7100)) == 2047);
  scene.walk.tick(after_start(5200));
  CHECK(scene.walked(after_start(7200)) == connections - 1);
}

TEST_CASE("the next walk begins after the time of a window", "[rate_walk]") {
  Scene scene(1);
  MessageRate& rate = scene.table.find({0, 1})->message_rate;
  scene.walk.tick(after_start(5000));
  take_messages(rate, 20);
  scene.walk.tick(after_start(9900));
  CHECK(rate.rates(after_start(9900)).received > 0);
  scene.walk.tick(after_start(10'000));
  CHECK(rate.rates(after_start(10'001)).received == 4);
  CHECK(rate.rates(after_start(12'000)).received == 0);
}
