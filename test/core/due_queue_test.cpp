#include "broker/core/due_queue.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

using broker::DueQueue;
using broker::Instant;

namespace {

std::vector<std::uint32_t> take_all(DueQueue& queue, Instant now) {
  std::vector<std::uint32_t> all;
  while (const auto number = queue.pop(now)) all.push_back(*number);
  return all;
}

using Numbers = std::vector<std::uint32_t>;

}  // namespace

TEST_CASE("numbers come out when they are due, the oldest first", "[due_queue]") {
  DueQueue queue;
  queue.schedule(3, {30});
  queue.schedule(1, {10});
  queue.schedule(2, {20});
  CHECK(queue.size() == 3);
  CHECK(take_all(queue, {9}).empty());
  CHECK(take_all(queue, {20}) == Numbers{1, 2});
  CHECK(take_all(queue, {100}) == Numbers{3});
  CHECK(queue.size() == 0);
}

TEST_CASE("an earlier time overtakes, a later one is left to who looks", "[due_queue]") {
  DueQueue queue;
  queue.schedule(1, {20});
  queue.schedule(1, {30});
  CHECK(take_all(queue, {20}) == Numbers{1});
  queue.schedule(1, {40});
  queue.schedule(1, {35});
  CHECK(take_all(queue, {35}) == Numbers{1});
  CHECK(take_all(queue, {1000}).empty());
}

TEST_CASE("a number that is scheduled again and again does not make the queue grow",
          "[due_queue]") {
  DueQueue queue;
  const std::int64_t step = GENERATE(-1, 0, 1);
  for (std::int64_t i = 0; i < 100'000; ++i) queue.schedule(7, {1'000'000 + step * i});
  CHECK(queue.size() == 1);
  CHECK(queue.entries() < 100);
  CHECK(take_all(queue, {10'000'000}) == Numbers{7});
}
