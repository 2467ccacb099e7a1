#include "auth/backoff.h"

#include <catch2/catch.hpp>
#include <chrono>

namespace {

using auth::Backoff;
using auth::Mac;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr Backoff::Time start{};
constexpr Mac pair{1};
constexpr Mac other{2};

Backoff backoff() {
  return Backoff({.first = milliseconds(100),
                  .longest = milliseconds(1000),
                  .forget = seconds(60),
                  .pairs_max = 2});
}

}  // namespace

TEST_CASE("guesses of one pair lie apart, twice as far each time, up to a limit", "[backoff]") {
  Backoff failing = backoff();
  CHECK(failing.admit(pair, start) == start);
  CHECK(failing.admit(pair, start) == start + milliseconds(100));
  CHECK(failing.admit(pair, start) == start + milliseconds(300));
  CHECK(failing.admit(pair, start) == start + milliseconds(700));
  CHECK(failing.admit(pair, start) == start + milliseconds(1500));
  CHECK(failing.admit(pair, start) == start + milliseconds(2500));
  CHECK(failing.must_wait(pair, start));
  CHECK(failing.admit(other, start) == start);
}

TEST_CASE("a success, or a long silence, makes a pair start afresh", "[backoff]") {
  Backoff failing = backoff();
  (void)failing.admit(pair, start);
  failing.succeeded(pair);
  CHECK_FALSE(failing.must_wait(pair, start));
  for (int i = 0; i < 20; ++i) (void)failing.admit(pair, start);
  CHECK(failing.must_wait(pair, start));
  const auto later = start + seconds(61);
  CHECK(failing.admit(pair, later) == later);
  CHECK(failing.admit(pair, later) == later + milliseconds(100));
}

TEST_CASE("repeating a known mistake waits ever longer and takes no slot", "[backoff]") {
  Backoff failing = backoff();
  CHECK(failing.repeat(pair, start) == start);
  CHECK(failing.repeat(pair, start) == start + milliseconds(100));
  CHECK(failing.repeat(pair, start) == start + milliseconds(200));
  CHECK(failing.repeat(pair, start) == start + milliseconds(400));
  CHECK_FALSE(failing.must_wait(pair, start));
  CHECK(failing.admit(pair, start) == start);
}

TEST_CASE("a failure without a slot of its own makes the next one wait", "[backoff]") {
  Backoff failing = backoff();
  failing.failed(pair, start);
  CHECK(failing.admit(pair, start) == start + milliseconds(100));
}

TEST_CASE("only so many pairs are remembered", "[backoff]") {
  Backoff failing = backoff();
  for (const Mac& one : {pair, other, Mac{3}}) failing.failed(one, start);
  CHECK(failing.must_wait(Mac{3}, start));
  CHECK(failing.must_wait(other, start));
  CHECK_FALSE(failing.must_wait(pair, start));
}
