#include "transport/loop_door.h"

#include <catch2/catch.hpp>
#include <memory>
#include <thread>

#include "transport/loop.h"

namespace {

using transport::LoopDoor;

/// A loop with nothing but a door.
struct Room {
  Room() {
    REQUIRE(uv_loop_init(&loop) == 0);
    REQUIRE(door.open(&loop, this, [](uv_async_t* bell) {
      Room& self = *static_cast<Room*>(bell->data);
      ++self.rings;
      self.room |= self.door.take_room();
    }) == 0);
  }
  ~Room() {
    door.close();
    door.close();  // the second time it does nothing
    uv_run(&loop, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop) == 0);
  }
  Room(const Room&) = delete;
  Room& operator=(const Room&) = delete;
  void run_once() { uv_run(&loop, UV_RUN_ONCE); }

  uv_loop_t loop{};
  LoopDoor door;
  int rings = 0;
  broker::PeerSet room;
};

TEST_CASE("the bell wakes a loop that waits, from any thread", "[loop_door]") {
  Room waiting;
  std::thread other([&] { waiting.door.ring(); });
  waiting.run_once();  // ends because of the bell
  other.join();
  CHECK(waiting.rings == 1);
}

TEST_CASE("the news of room in mailboxes come together", "[loop_door]") {
  Room waiting;
  waiting.door.give_room(broker::PeerId{0});
  waiting.door.give_room(broker::PeerId{63});
  waiting.run_once();
  CHECK(waiting.room == broker::PeerSet::of_bits(std::uint64_t{1} << 63U | 1U));
  CHECK(waiting.door.take_room().empty());
}

TEST_CASE("work that is never run is dropped with what it holds", "[loop_door]") {
  const auto held = std::make_shared<int>(0);
  {
    Room waiting;
    waiting.door.post([held](transport::Loop&) { FAIL("nobody runs it"); });
    CHECK(held.use_count() == 2);
  }
  CHECK(held.use_count() == 1);
}

}  // namespace
