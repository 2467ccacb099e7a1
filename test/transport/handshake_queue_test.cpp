#include "transport/handshake_queue.h"

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace transport {
namespace {

broker::ConnectionId connection_of(std::uint32_t slot) { return {slot, 1}; }

/// Begins as many handshakes as there is room for.
void fill(HandshakeQueue& queue) {
  while (!queue.is_full()) queue.begin();
}

std::vector<std::uint32_t> admitted(HandshakeQueue& queue) {
  std::vector<std::uint32_t> slots;
  queue.admit([&](broker::ConnectionId connection) {
    slots.push_back(connection.slot);
    return true;
  });
  return slots;
}

}  // namespace

TEST_CASE("a connection waits while as many handshakes as may be are under way",
          "[handshake_queue]") {
  HandshakeQueue queue;
  fill(queue);
  for (std::uint32_t slot = 1; slot <= 3; ++slot) queue.wait(connection_of(slot));
  CHECK(admitted(queue).empty());
  queue.end();
  queue.end();
  CHECK(admitted(queue) == std::vector<std::uint32_t>{1, 2});
  // An admitted connection has begun nothing yet: there is room as long as that stays so.
  CHECK(admitted(queue) == std::vector<std::uint32_t>{3});
}

TEST_CASE("a connection that does not need its turn any more leaves it to the next",
          "[handshake_queue]") {
  HandshakeQueue queue;
  fill(queue);
  queue.wait(connection_of(1));
  queue.wait(connection_of(2));
  queue.end();
  std::vector<std::uint32_t> asked;
  queue.admit([&](broker::ConnectionId connection) {
    asked.push_back(connection.slot);
    return connection.slot == 2;
  });
  CHECK(asked == std::vector<std::uint32_t>{1, 2});
}

TEST_CASE("handshakes have a bounded time in each turn", "[handshake_queue]") {
  HandshakeQueue queue;
  CHECK(queue.has_time(7));
  queue.spend(7, HandshakeQueue::nanoseconds_per_turn - 1);
  CHECK(queue.has_time(7));
  queue.spend(7, 1);
  CHECK_FALSE(queue.has_time(7));
  CHECK(queue.has_time(8));
  queue.spend(8, 1);
  CHECK(queue.has_time(8));
}

}  // namespace transport
