#include "broker/cluster/flapping.h"

#include <catch2/catch.hpp>

using cluster::Flapping;

TEST_CASE("a client id that moves all the time waits longer and longer", "[flapping]") {
  Flapping flapping({.moves_max = 3,
                     .window_milliseconds = 1000,
                     .delay_milliseconds = 100,
                     .delay_milliseconds_max = 500,
                     .remembered_max = 100});
  std::vector<std::int64_t> delays;
  for (std::int64_t i = 0; i < 8; ++i) {
    flapping.moved("a", {i});
    delays.push_back(flapping.delay("a", {i}));
  }
  CHECK(delays == std::vector<std::int64_t>{0, 0, 0, 100, 200, 400, 500, 500});
  CHECK(flapping.delay("b", {8}) == 0);
  CHECK(flapping.delay("a", {1008}) == 0);
  CHECK(flapping.size() == 0);
}

TEST_CASE("moves that are remembered have a limit", "[flapping]") {
  Flapping flapping({.moves_max = 1,
                     .window_milliseconds = 1000,
                     .delay_milliseconds = 100,
                     .delay_milliseconds_max = 500,
                     .remembered_max = 10});
  for (int i = 0; i < 1000; ++i) flapping.moved(std::to_string(i), {0});
  CHECK(flapping.size() == 10);
}
