#include "broker/core/token_bucket.h"

#include <catch2/catch.hpp>

#include "broker/core/line_rate.h"

namespace {

using broker::Instant;
using broker::TokenBucket;

constexpr Instant start{1'000'000};
constexpr TokenBucket::Size ten{.per_second = 10, .burst = 5};

int taken_at(TokenBucket& bucket, Instant now, const TokenBucket::Size& size = ten) {
  int count = 0;
  while (count < 1000 && bucket.take(1, size, now)) ++count;
  return count;
}

}  // namespace

TEST_CASE("a fresh bucket holds a burst, and fills at its rate", "[token_bucket]") {
  TokenBucket bucket;
  CHECK(taken_at(bucket, start) == 5);
  CHECK(taken_at(bucket, after_milliseconds(start, 99)) == 0);
  CHECK(taken_at(bucket, after_milliseconds(start, 100)) == 1);
  CHECK(taken_at(bucket, after_milliseconds(start, 350)) == 2);
  CHECK(taken_at(bucket, after_milliseconds(start, 399)) == 0);
  CHECK(taken_at(bucket, after_milliseconds(start, 400)) == 1);  // nothing was lost on the way
  CHECK(taken_at(bucket, after_seconds(start, 1'000'000'000)) == 5);
}

TEST_CASE("time that runs backwards brings nothing", "[token_bucket]") {
  TokenBucket bucket;
  CHECK(taken_at(bucket, start) == 5);
  CHECK(taken_at(bucket, {0}) == 0);
  CHECK(taken_at(bucket, start) == 0);
  CHECK(taken_at(bucket, after_milliseconds(start, 100)) == 1);
}

TEST_CASE("what costs more than a burst goes from a full bucket, and is owed", "[token_bucket]") {
  TokenBucket bucket;
  REQUIRE(bucket.take(20, ten, start));
  CHECK(bucket.milliseconds_until_room(ten) == 1600);
  CHECK(taken_at(bucket, after_milliseconds(start, 1599)) == 0);
  CHECK(taken_at(bucket, after_milliseconds(start, 1600)) == 1);
  CHECK_FALSE(bucket.take(20, ten, after_milliseconds(start, 2099)));
  CHECK(bucket.take(20, ten, after_milliseconds(start, 2200)));
}

TEST_CASE("rate and burst may change", "[token_bucket]") {
  TokenBucket bucket;
  CHECK(taken_at(bucket, start) == 5);
  CHECK(taken_at(bucket, start, {.per_second = 10, .burst = 8}) == 3);
  CHECK(taken_at(bucket, start) == 0);
  CHECK(taken_at(bucket, after_milliseconds(start, 400)) == 1);
}

TEST_CASE("the largest sizes do not overflow", "[token_bucket]") {
  constexpr TokenBucket::Size most{.per_second = 4'294'967'295, .burst = 4'294'967'295};
  TokenBucket bucket;
  CHECK(bucket.take(4'294'967'295, most, {}));
  CHECK_FALSE(bucket.take(1, most, {}));
  CHECK(bucket.take(1, most, {INT64_MAX / 2}));
}

TEST_CASE("one line a second, and a count of the others", "[line_rate]") {
  broker::LineRate rate;
  CHECK(rate.admit(start) == 0U);
  CHECK(rate.overdue(after_seconds(start, 5)) == 0);
  CHECK_FALSE(rate.admit(after_milliseconds(start, 1)));
  CHECK_FALSE(rate.admit(after_milliseconds(start, 999)));
  CHECK(rate.overdue(after_milliseconds(start, 999)) == 0);
  SECTION("said with the next line") { CHECK(rate.admit(after_seconds(start, 1)) == 2U); }
  SECTION("or several") {
    broker::LineRate three(3);
    for (int i = 0; i < 3; ++i) CHECK(three.admit(start) == 0U);
    CHECK_FALSE(three.admit(start));
    CHECK(three.admit(after_seconds(start, 1)) == 1U);
  }
  SECTION("or without one") {
    CHECK(rate.overdue(after_seconds(start, 1)) == 2);
    CHECK_FALSE(rate.admit(after_milliseconds(start, 1500)));
    CHECK(rate.admit(after_seconds(start, 2)) == 1U);
  }
}
