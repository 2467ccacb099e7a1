#include "tools/darter-bench/window.h"

#include <catch2/catch.hpp>
#include <cstdint>

using bench::Window;

TEST_CASE("a window is full when as many messages are under way as it is large", "[window]") {
  Window window(3, 1);
  for (std::uint32_t i = 0; i < 3; ++i) {
    CHECK_FALSE(window.is_full());
    CHECK(window.publish() == i);
  }
  CHECK(window.is_full());
  CHECK(window.under_way() == 3);
}

TEST_CASE("a message is under way until every receiver has it", "[window]") {
  Window window(1, 2);
  const std::uint32_t message = window.publish();
  window.arrived(message);
  CHECK(window.is_full());
  window.arrived(message);
  CHECK_FALSE(window.is_full());
}

TEST_CASE("room is counted from the oldest message that is under way", "[window]") {
  Window window(2, 1);
  const std::uint32_t first = window.publish();
  const std::uint32_t second = window.publish();
  window.arrived(second);
  CHECK(window.is_full());
  window.arrived(first);
  CHECK(window.under_way() == 0);
}

TEST_CASE("a window wants a batch when half of it is free", "[window]") {
  Window window(10, 1);
  CHECK(window.batch() == 5);
  while (!window.is_full()) (void)window.publish();
  for (std::uint32_t i = 0; i < 4; ++i) window.arrived(i);
  CHECK_FALSE(window.wants_batch());
  window.arrived(4);
  CHECK(window.wants_batch());
}

TEST_CASE("a window of one sends one at a time, for ever", "[window]") {
  Window window(1, 1);
  for (std::uint32_t i = 0; i < 1000; ++i) {
    CHECK(window.wants_batch());
    CHECK(window.publish() == i);
    CHECK_FALSE(window.wants_batch());
    window.arrived(i);
  }
  CHECK(window.sent() == 1000);
}
