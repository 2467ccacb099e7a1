#include "transport/turn_sample.h"

#include <catch2/catch.hpp>
#include <cstdint>

using transport::TurnSample;

TEST_CASE("one turn in sixteen is measured, from its first input", "[turn_sample]") {
  TurnSample sample;
  for (std::uint32_t turn = 1; turn <= 2 * TurnSample::interval; ++turn) {
    sample.turn(turn);
    CHECK(sample.is_due() == (turn % TurnSample::interval == 0));
    if (!sample.is_due()) continue;
    sample.begin(1000);
    CHECK_FALSE(sample.is_due());
    sample.left(1100, false);
    sample.left(1300, true);
    sample.left(1900, true);
  }
  CHECK(sample.whole().count() == 1);  // the second one is not over
  CHECK(sample.whole().sum_microseconds == 900);
  CHECK(sample.first_output().count() == 2);
  CHECK(sample.first_output().sum_microseconds == 600);
}

TEST_CASE("a turn without input is not measured", "[turn_sample]") {
  TurnSample sample;
  sample.turn(TurnSample::interval);
  CHECK(sample.is_due());
  sample.turn(TurnSample::interval + 1);
  CHECK_FALSE(sample.is_due());
  CHECK(sample.whole().count() == 0);
}
