#include "transport/turn_sample.h"

#include <catch2/catch.hpp>
#include <cstdint>

using transport::TurnSample;

TEST_CASE("one turn of an interval is measured, from its first input", "[turn_sample]") {
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

TEST_CASE("traffic with a rhythm of its own is measured in all of its turns", "[turn_sample]") {
  for (const std::uint32_t rhythm : {2U, 4U, 8U, 16U}) {
    CAPTURE(rhythm);
    TurnSample sample;
    for (std::uint32_t turn = 0; turn < rhythm * TurnSample::interval; ++turn) {
      sample.turn(turn);
      if (!sample.is_due()) continue;
      sample.begin(turn);
      sample.left(turn + 1, turn % rhythm == 1);  // output leaves in the second turn of each round
    }
    CHECK(sample.first_output().count() == 1);
  }
}

TEST_CASE("mail of another loop is measured from the input that it stems from", "[turn_sample]") {
  TurnSample sample;
  sample.crossed(0);
  CHECK_FALSE(sample.is_measured());
  sample.crossed(300);
  sample.crossed(200);
  sample.crossed(250);
  REQUIRE(sample.is_measured());
  CHECK_FALSE(sample.is_running());
  sample.left(1000, true);
  CHECK_FALSE(sample.is_measured());
  CHECK(sample.crossings().count() == 1);
  CHECK(sample.crossings().sum_microseconds == 800);
  sample.crossed(1000);
  sample.left(1100, false);  // nothing left for a client
  CHECK(sample.crossings().count() == 1);
  CHECK(sample.first_output().count() == 0);
}
