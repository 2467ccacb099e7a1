#include "broker/core/backlog.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

using broker::Backlog;
using broker::Delivery;
using broker::MessageRef;

namespace {

Delivery delivery(std::string_view topic, std::string_view payload = "xy",
                  mqtt::Qos qos = mqtt::Qos::at_least_once) {
  Delivery made;
  made.message = MessageRef::copy_of({topic, mqtt::as_bytes(payload), {}, qos, false, {}});
  made.qos = qos;
  return made;
}

std::vector<std::uint64_t> numbers(const Backlog& backlog, std::uint64_t begin = 0) {
  std::vector<std::uint64_t> seen;
  backlog.for_each_from(begin,
                        [&](std::uint64_t number, const Delivery&) { seen.push_back(number); });
  return seen;
}

}  // namespace

TEST_CASE("messages leave a backlog in the order in which they came", "[backlog]") {
  broker::Queued sum;
  Backlog backlog(sum);
  backlog.push(delivery("a"), 7);
  backlog.push(delivery("b"), 8);
  CHECK(backlog.front_number() == 7);
  CHECK(backlog.pop_front().message->topic() == "a");
  CHECK(backlog.pop_front().message->topic() == "b");
  CHECK(backlog.empty());
}

TEST_CASE("a backlog counts messages, bytes and those with QoS 0", "[backlog]") {
  broker::Queued sum;
  Backlog backlog(sum);
  backlog.push(delivery("abc", "12345", mqtt::Qos::at_most_once), 1);
  backlog.push(delivery("d", "1"), 2);
  CHECK(backlog.size() == 2);
  CHECK(backlog.size_bytes() == 10);
  CHECK(backlog.payload_bytes() == 6);
  CHECK(backlog.at_most_once() == 1);
  (void)backlog.pop_front();
  CHECK(backlog.size() == 1);
  CHECK(backlog.size_bytes() == 2);
  CHECK(backlog.payload_bytes() == 1);
  CHECK(backlog.at_most_once() == 0);
}

TEST_CASE("a message leaves the middle, and the others keep number and order", "[backlog]") {
  broker::Queued sum;
  Backlog backlog(sum);
  for (std::uint64_t number = 10; number < 20; ++number) backlog.push(delivery("t"), number);
  CHECK(backlog.remove(15).message->topic() == "t");
  (void)backlog.remove(10);
  CHECK(backlog.front_number() == 11);
  CHECK(backlog.size() == 8);
  CHECK(numbers(backlog, 14) == std::vector<std::uint64_t>{14, 16, 17, 18, 19});
  (void)backlog.remove(11);
  (void)backlog.remove(12);
  CHECK(backlog.pop_front().message);
  CHECK(backlog.front_number() == 14);
}

TEST_CASE("a backlog that is emptied from its middle is empty", "[backlog]") {
  broker::Queued sum;
  Backlog backlog(sum);
  for (std::uint64_t number = 0; number < 100; ++number) backlog.push(delivery("t"), number);
  for (std::uint64_t number = 99; number > 0; --number) (void)backlog.remove(number);
  CHECK(numbers(backlog) == std::vector<std::uint64_t>{0});
  (void)backlog.pop_front();
  CHECK(backlog.empty());
  CHECK(backlog.size_bytes() == 0);
  backlog.push(delivery("t"), 100);
  CHECK(numbers(backlog) == std::vector<std::uint64_t>{100});
}

TEST_CASE("the latest message of a topic is known, whatever left since", "[backlog]") {
  broker::Queued sum;
  Backlog backlog(sum);
  backlog.push(delivery("a"), 1);
  backlog.push(delivery("b"), 2);
  backlog.push(delivery("a"), 3);
  CHECK(backlog.latest_of("a") == 3U);
  CHECK(backlog.latest_of("b") == 2U);
  CHECK_FALSE(backlog.latest_of("c"));
  backlog.push(delivery("c"), 4);  // noted now that somebody asks
  CHECK(backlog.latest_of("c") == 4U);
  (void)backlog.remove(2);
  CHECK_FALSE(backlog.latest_of("b"));
  backlog.push(delivery("a"), 5);
  (void)backlog.pop_front();
  CHECK(backlog.latest_of("a") == 5U);
}
