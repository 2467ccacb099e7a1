#include "transport/handoff_queue.h"

#include <catch2/catch.hpp>
#include <vector>

namespace {

using transport::Handoff;
using transport::HandoffQueue;

/// A connection that comes home, marked by its unread bytes.
std::unique_ptr<Handoff> arrival(std::size_t mark) {
  auto handoff = std::make_unique<Handoff>();
  handoff->unread.resize(mark);
  return handoff;
}

std::vector<std::size_t> marks(const HandoffQueue::Handoffs& handoffs) {
  std::vector<std::size_t> all;
  for (const auto& each : handoffs) all.push_back(each->unread.size());
  return all;
}

TEST_CASE("a connection that comes home waits for a poll that began after it came",
          "[handoff_queue]") {
  HandoffQueue queue;
  CHECK(queue.take_due().empty());
  CHECK_FALSE(queue.has_due());
  queue.add(arrival(1));
  queue.add(arrival(2));
  CHECK_FALSE(queue.has_due());     // the poll of this turn may have begun before
  CHECK(queue.take_due().empty());  // the end of the turn
  CHECK(queue.has_due());           // the next poll does not wait
  queue.add(arrival(3));
  CHECK(marks(queue.take_due()) == std::vector<std::size_t>{1, 2});
  CHECK(queue.has_due());
  CHECK(marks(queue.take_due()) == std::vector<std::size_t>{3});
  CHECK_FALSE(queue.has_due());
}

}  // namespace
