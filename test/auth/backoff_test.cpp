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
                  .hash_spacing = milliseconds(250),
                  .forget = seconds(60),
                  .pairs_max = 2});
}

}  // namespace

TEST_CASE("answers to guesses of one pair lie apart, twice as far each time, up to a limit",
          "[backoff]") {
  Backoff failing = backoff();
  CHECK(failing.admit(pair, start).answer == start);
  CHECK(failing.admit(pair, start).answer == start + milliseconds(100));
  CHECK(failing.admit(pair, start).answer == start + milliseconds(300));
  CHECK(failing.admit(pair, start).answer == start + milliseconds(700));
  CHECK(failing.admit(pair, start).answer == start + milliseconds(1000));
  CHECK(failing.must_wait(pair, start));
  CHECK(failing.admit(other, start).answer == start);
}

TEST_CASE("hashes of one pair lie apart by no more than a limit of their own", "[backoff]") {
  Backoff failing = backoff();
  CHECK(failing.admit(pair, start).hash == start);
  CHECK(failing.admit(pair, start).hash == start + milliseconds(100));
  CHECK(failing.admit(pair, start).hash == start + milliseconds(300));
  CHECK(failing.admit(pair, start).hash == start + milliseconds(550));
  // However many were wrong, one that comes after them is hashed at once, or nearly so.
  const auto later = start + milliseconds(550);
  for (int i = 0; i < 20; ++i) failing.failed(pair, later);
  CHECK(failing.admit(pair, later).hash == later + milliseconds(250));
  const auto last = later + milliseconds(500);
  const Backoff::Slot slot = failing.admit(pair, last);
  CHECK(slot.hash == last);
  CHECK(slot.answer == last + milliseconds(1000));
}

TEST_CASE("a success, or a long silence, makes a pair start afresh", "[backoff]") {
  Backoff failing = backoff();
  (void)failing.admit(pair, start);
  failing.succeeded(pair);
  CHECK_FALSE(failing.must_wait(pair, start));
  for (int i = 0; i < 20; ++i) (void)failing.admit(pair, start);
  CHECK(failing.must_wait(pair, start));
  const auto later = start + seconds(61);
  CHECK(failing.admit(pair, later).answer == later);
  CHECK(failing.admit(pair, later).answer == later + milliseconds(100));
}

TEST_CASE("repeating a known mistake waits ever longer and takes no slot", "[backoff]") {
  Backoff failing = backoff();
  CHECK(failing.repeat(pair, start) == start);
  CHECK(failing.repeat(pair, start) == start + milliseconds(100));
  CHECK(failing.repeat(pair, start) == start + milliseconds(200));
  CHECK(failing.repeat(pair, start) == start + milliseconds(400));
  CHECK_FALSE(failing.must_wait(pair, start));
  CHECK(failing.admit(pair, start).answer == start);
}

TEST_CASE("a failure without a slot of its own makes the next one wait", "[backoff]") {
  Backoff failing = backoff();
  failing.failed(pair, start);
  CHECK(failing.admit(pair, start).answer == start + milliseconds(100));
}

TEST_CASE("only so many pairs are remembered", "[backoff]") {
  Backoff failing = backoff();
  for (const Mac& one : {pair, other, Mac{3}}) failing.failed(one, start);
  CHECK(failing.must_wait(Mac{3}, start));
  CHECK(failing.must_wait(other, start));
  CHECK_FALSE(failing.must_wait(pair, start));
}
