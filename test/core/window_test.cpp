#include "broker/core/window.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <utility>
#include <vector>

namespace {

using broker::Delivery;
using broker::InFlight;
using broker::Window;
using mqtt::PacketId;

Delivery delivery(mqtt::Qos qos = mqtt::Qos::at_least_once) {
  Delivery one;
  one.message = broker::MessageRef::copy_of(
      {"t", mqtt::as_bytes("payload"), {}, mqtt::Qos::at_least_once, false, std::nullopt});
  one.qos = qos;
  return one;
}

/// Numbers of the entries, oldest first.
std::vector<std::uint64_t> numbers(Window& window) {
  std::vector<std::uint64_t> all;
  window.for_each([&all](std::uint64_t number, const InFlight&) { all.push_back(number); });
  return all;
}

using Numbers = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("a window counts what the Receive Maximum counts [MQTT-3.3.4-9]", "[window]") {
  broker::Queued sum;
  {
    Window window(sum);
    CHECK(window.empty());
    window.send(delivery(mqtt::Qos::exactly_once), 0);
    window.send(delivery(), 1);
    CHECK(window.size() == 2);
    CHECK(window.quota_used() == 2);
    CHECK(window.size_bytes() == 14);
    CHECK(sum.bytes == 14);
    InFlight* const entry = window.find(PacketId{1});
    REQUIRE(entry != nullptr);
    window.received(*entry);
    CHECK(window.quota_used() == 2);  // until PUBCOMP
    CHECK(window.size_bytes() == 7);
    CHECK_FALSE(window.finish(PacketId{1}).message);
    CHECK(window.quota_used() == 1);
    CHECK(window.find(PacketId{1}) == nullptr);
  }
  CHECK(sum.messages == 0);
  CHECK(sum.bytes == 0);
}

TEST_CASE("an acknowledgement leaves a hole, the oldest entry is none", "[window]") {
  broker::Queued sum;
  Window window(sum);
  for (std::uint64_t number = 7; number < 11; ++number) window.send(delivery(), number);
  window.finish(PacketId{9});
  CHECK(numbers(window) == Numbers{7, 9, 10});
  CHECK(window.span() == 4);
  window.finish(PacketId{8});
  CHECK(numbers(window) == Numbers{9, 10});
  CHECK(window.span() == 2);
  CHECK(window.number_of(PacketId{11}) == 10);
  CHECK(window.end() == 11);
  CHECK(window.oldest().id == PacketId{10});
}

TEST_CASE("an entry that stays in flight makes room, and keeps its identifier", "[window]") {
  broker::Queued sum;
  Window window(sum);
  window.send(delivery(), 0);
  std::uint64_t next = 1;
  for (int i = 0; i < 70'000; ++i) {
    next = window.next_free(next);
    REQUIRE(window.has_room_for(next));
    REQUIRE(window.identifier_is_free(next));
    REQUIRE(broker::packet_id_of(next) != PacketId{1});
    window.send(delivery(), next);
    window.finish(broker::packet_id_of(next++));
  }
  CHECK(numbers(window) == Numbers{0});
  CHECK(window.span() == 1);
  CHECK_FALSE(window.identifier_is_free(65'535));
  CHECK(window.next_free(65'535) == 65'536);
}

TEST_CASE("everything is sent again once, in order, after a reconnect [MQTT-4.6.0-1]", "[window]") {
  broker::Queued sum;
  Window window(sum);
  for (std::uint64_t number = 0; number < 3; ++number) window.send(delivery(), number);
  window.finish(PacketId{2});
  window.rewind();
  CHECK(window.quota_used() == 0);
  CHECK(window.resending());
  CHECK(window.oldest().entry == nullptr);  // none was sent on this connection
  std::vector<PacketId> again;
  PacketId id{0};
  while (InFlight* const entry = window.next_to_resend(id)) {
    again.push_back(id);
    window.sent_again(*entry);
  }
  CHECK(again == std::vector{PacketId{1}, PacketId{3}});
  CHECK(window.quota_used() == 2);
  CHECK_FALSE(window.resending());
}

TEST_CASE("a walk begins at a number, and ends when its visitor says so", "[window]") {
  broker::Queued sum;
  Window window(sum);
  for (std::uint64_t number = 0; number < 5; ++number) window.send(delivery(), number);
  window.finish(PacketId{3});
  Numbers seen;
  const auto until_3 = [&seen](std::uint64_t number, const InFlight&) {
    seen.push_back(number);
    return number != 3;
  };
  CHECK_FALSE(window.for_each_while(1, until_3));
  CHECK(seen == Numbers{1, 3});
  CHECK(window.for_each_while(4, until_3));
  CHECK(seen == Numbers{1, 3, 4});
}

TEST_CASE("entries come back in the states that they had", "[window]") {
  broker::Queued sum;
  Window window(sum);
  window.restore(4, delivery(), InFlight::State::unsent);
  window.restore(6, delivery(mqtt::Qos::exactly_once), InFlight::State::release_unsent);
  InFlight entry;
  entry.delivery = delivery();
  entry.state = InFlight::State::awaiting_puback;
  window.put_back(7, std::move(entry));
  CHECK(window.quota_used() == 1);
  window.resume_resending();
  std::vector<PacketId> again;
  PacketId id{0};
  while (InFlight* const next = window.next_to_resend(id)) {
    again.push_back(id);
    window.sent_again(*next);
  }
  CHECK(again == std::vector{PacketId{5}, PacketId{7}});
  CHECK(window.quota_used() == 3);
}

TEST_CASE("of two that have one identifier in a damaged store the older one is given up",
          "[window]") {
  broker::Queued sum;
  Window window(sum);
  window.restore(1, delivery(), InFlight::State::unsent);
  window.restore(1 + 65'535, delivery(), InFlight::State::unsent);
  CHECK(numbers(window) == Numbers{65'536});
  CHECK(window.size() == 1);
}
