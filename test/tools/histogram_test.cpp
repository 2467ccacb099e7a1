#include "tools/darter-bench/histogram.h"

#include <catch2/catch.hpp>
#include <cstdint>

namespace {

using bench::Histogram;

Histogram of_one_to(std::uint64_t largest) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= largest; ++value) histogram.add(value);
  return histogram;
}

}  // namespace

TEST_CASE("an empty histogram has percentiles of 0", "[histogram]") {
  CHECK(Histogram().percentile(0.5) == 0);
  CHECK(Histogram().percentile(1) == 0);
  CHECK(Histogram().size() == 0);
}

TEST_CASE("small values have exact percentiles", "[histogram]") {
  const Histogram histogram = of_one_to(100);
  CHECK(histogram.percentile(0) == 1);
  CHECK(histogram.percentile(0.01) == 1);
  CHECK(histogram.percentile(0.5) == 50);
  CHECK(histogram.percentile(0.99) == 99);
  CHECK(histogram.percentile(1) == 100);
}

TEST_CASE("large values have percentiles that are right to a 64th", "[histogram]") {
  constexpr std::uint64_t largest = 1'000'000;
  const Histogram histogram = of_one_to(largest);
  const double share = GENERATE(0.001, 0.1, 0.5, 0.9, 0.999);
  const double exact = share * static_cast<double>(largest);
  const auto found = static_cast<double>(histogram.percentile(share));
  CHECK(found >= exact);
  CHECK(found <= exact * 65 / 64);
}

TEST_CASE("a value is never below its own percentile", "[histogram]") {
  const unsigned bit = GENERATE(range(0U, 64U));
  const std::uint64_t around = std::uint64_t{1} << bit;
  for (const std::uint64_t value : {around - 1, around, around + around / 3}) {
    Histogram histogram;
    histogram.add(value);
    histogram.add(UINT64_MAX);
    CAPTURE(value);
    CHECK(histogram.percentile(0.5) >= value);
    CHECK(histogram.percentile(0.5) - value <= value / 64);
  }
}

TEST_CASE("no percentile exceeds the largest value", "[histogram]") {
  Histogram histogram;
  histogram.add(1'000'003);
  CHECK(histogram.percentile(0.999) == 1'000'003);
  CHECK(histogram.largest() == 1'000'003);
}
