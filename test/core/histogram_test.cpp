#include "broker/core/histogram.h"

#include <catch2/catch.hpp>
#include <cstdint>

using broker::Histogram;

TEST_CASE("a duration is in the first bucket that does not end before it", "[histogram]") {
  for (std::size_t i = 0; i + 1 < Histogram::bucket_count; ++i) {
    const std::uint64_t end = Histogram::end_of(i);
    CHECK(Histogram::bucket_of(end) == i);
    CHECK(Histogram::bucket_of(end + 1) == i + 1);
  }
  CHECK(Histogram::bucket_of(0) == 0);
  CHECK(Histogram::bucket_of(UINT64_MAX) == Histogram::bucket_count - 1);
}

TEST_CASE("histograms add up", "[histogram]") {
  Histogram one;
  one.add(1);
  one.add(1000);
  Histogram other;
  other.add(1000);
  other.add(one);
  CHECK(other.count() == 3);
  CHECK(other.sum_microseconds == 2001);
  CHECK(other.counts[10] == 2);  // up to 1024
}
