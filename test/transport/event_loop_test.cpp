#include "transport/event_loop.h"

#include <catch2/catch.hpp>
#include <string>

#include "transport/clock.h"

namespace {

using transport::EventLoop;

/// Writes down the calls of its loop, and ends it.
struct Owner {
  explicit Owner(std::string until) : end(std::move(until)) {
    REQUIRE(loop.open({.owner = this,
                       .tick = [](void* owner) { of(owner).note("t"); },
                       .prepare =
                           [](void* owner) {
                             of(owner).note("p");
                             of(owner).loop.may_wait(of(owner).waits);
                           },
                       .woke = [](void* owner) { of(owner).note("w"); }}) == 0);
  }
  ~Owner() { loop.close(); }
  Owner(const Owner&) = delete;
  Owner& operator=(const Owner&) = delete;
  static Owner& of(void* owner) { return *static_cast<Owner*>(owner); }
  void note(const char* call) {
    calls += call;
    if (calls.ends_with(end)) loop.stop();
  }

  EventLoop loop;
  std::string end;
  std::string calls;
  bool waits = true;
};

TEST_CASE("a loop that may wait does so until something happens", "[event_loop]") {
  Owner owner("tp");
  owner.loop.run();
  // One wait, ended by the tick; or none, if the tick was due already.
  CHECK((owner.calls == "pwtpw" || owner.calls == "tpw"));
}

TEST_CASE("a loop that may not wait looks at its sockets again at once", "[event_loop]") {
  Owner owner("pwpwpwp");
  owner.waits = false;
  owner.loop.run();  // would never end if each wait were ended by a tick
  CHECK(owner.calls.ends_with("pwpwpwpw"));
}

TEST_CASE("the data of the loop is its owner", "[event_loop]") {
  Owner owner("p");
  CHECK(owner.loop.uv()->data == &owner);
}

TEST_CASE("the time of a loop is the machine's, sleep included, as of its last wait",
          "[event_loop]") {
  Owner owner("p");
  CHECK(owner.loop.now().milliseconds <= transport::Clock::boot_milliseconds() + 2);
  CHECK(owner.loop.awake_now() <= owner.loop.now());
  const auto before = owner.loop.now();
  owner.loop.run();
  CHECK(owner.loop.now() >= before);
}

TEST_CASE("the time of a loop catches up with that of another thread, and does not go back",
          "[event_loop]") {
  Owner owner("p");
  const broker::Instant before = owner.loop.now();
  const broker::Instant ahead = broker::after_milliseconds(before, 500);
  owner.loop.catch_up(ahead);
  CHECK(owner.loop.now() >= ahead);
  owner.loop.catch_up(before);
  CHECK(owner.loop.now() >= ahead);
}

TEST_CASE("a loop that was never opened closes without a word", "[event_loop]") {
  EventLoop loop;
  loop.close();
  CHECK_FALSE(loop.is_open());
}

}  // namespace
