#include "broker/core/stored_figures.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <utility>

using broker::StoredFigures;

TEST_CASE("what waits is added up at once, or in parts where it is much", "[stored_figures]") {
  const std::uint64_t key[2] = {1, 2};
  broker::SessionTable sessions(key);
  for (int i = 0; i < 1000; ++i) {
    broker::Delivery delivery;
    delivery.message = broker::MessageRef::copy_of(
        {"t", mqtt::as_bytes("123456789"), {}, mqtt::Qos::at_least_once, false, {}});
    delivery.qos = mqtt::Qos::at_least_once;
    sessions.create("client" + std::to_string(i)).outgoing_part().push_backlog(std::move(delivery));
  }
  StoredFigures small;
  CHECK(small.sum(sessions).messages == 1000);
  CHECK(small.sum(sessions).bytes == 10'000);

  StoredFigures large(100);
  int ticks = 0;
  for (; large.sum(sessions).messages == 0; ++ticks) large.tick(sessions);
  CHECK(ticks > 50);
  CHECK(ticks <= 64);
  CHECK(large.sum(sessions).messages == 1000);
  CHECK(large.sum(sessions).bytes == 10'000);
}
