#include <catch2/catch.hpp>
#include <string>

#include "test/broker/fixture.h"

// Each limit in bytes and one message that is larger than itself: it passes where
// nothing else is in the way.

namespace {

using broker::DropReason;
using test::Broker;
using test::lasting;
using test::MemoryStore;

const std::string large(100'000, 'x');

}  // namespace

TEST_CASE("an empty queue takes a message larger than max_queued_bytes", "[limits][large]") {
  broker::Limits limits;
  limits.max_queued_bytes = 1000;
  limits.queue_qos0_messages = true;
  broker::ListenerPolicy policy = Broker::open_policy();
  using enum broker::SlowConsumer;
  policy.slow_consumer = GENERATE(drop_newest, drop_oldest, latest_per_topic, disconnect);
  const unsigned qos = GENERATE(0U, 1U, 2U);
  Broker broker(GENERATE(1U, 3U), limits, policy);
  const auto away = broker.client("away", lasting());
  broker.subscribe(away, "#", {.qos = qos});
  broker.lose(away);
  const auto publisher = broker.client("publisher");
  broker.publish(publisher, "a", large, {.qos = qos, .packet_id = 1});
  CHECK(broker.metrics().publish_dropped == 0);
  broker.publish(publisher, "b", large, {.qos = qos, .packet_id = 2});
  CHECK(broker.metrics().publish_dropped == 1);  // not on top of another
  CHECK(broker.take_all(broker.client("away", lasting())).size() == 1);
}

TEST_CASE("a socket that is behind gets a message larger than max_queued_qos0_bytes",
          "[limits][large]") {
  broker::Limits limits;
  limits.max_queued_qos0_bytes = 1000;
  Broker broker(1, limits);
  const auto slow = broker.client("slow");
  broker.subscribe(slow, "t");
  broker.received(slow);
  broker.set_queued(slow, 1'000'000);
  const auto publisher = broker.client("publisher");
  broker.publish(publisher, "t", large);
  broker.publish(publisher, "t", "small");
  CHECK(broker.metrics().dropped[static_cast<std::size_t>(DropReason::slow_socket)] == 1);
  broker.set_queued(slow, 0);
  CHECK(broker.take_all(slow) == std::vector<std::string>{large});
}

TEST_CASE("topics alone do not make a queue endless", "[limits][large]") {
  broker::Limits limits;
  limits.max_queued_messages = 0;
  limits.max_queued_bytes = 1000;
  Broker broker(1, limits);
  const auto away = broker.client("away", lasting());
  broker.subscribe(away, "#", {.qos = 1});
  broker.lose(away);
  const auto publisher = broker.client("publisher");
  for (int i = 0; i < 200; ++i) {
    broker.publish(publisher, std::string(1000, 't'), "", {.qos = 1, .packet_id = 1});
  }
  CHECK(broker.metrics().dropped[static_cast<std::size_t>(DropReason::queue_full)] == 200 - 66);
}

TEST_CASE("one publish larger than max_uncommitted_bytes is stored and acknowledged",
          "[pressure][large]") {
  broker::Limits limits;
  limits.max_uncommitted_bytes = 1000;
  MemoryStore store;
  Broker broker(1, store, limits);
  const auto away = broker.client("away", lasting());
  broker.subscribe(away, "t", {.qos = 1});
  broker.lose(away);
  const auto publisher = broker.client("publisher", lasting());
  broker.received(publisher);
  broker.disk_stalls = true;
  broker.publish(publisher, "t", large, {.qos = 1, .packet_id = 1});
  broker.publish(publisher, "t", large, {.qos = 1, .packet_id = 2});  // put aside, whole
  CHECK_FALSE(broker.reads(publisher));
  CHECK(broker.received(publisher).empty());
  broker.disk_stalls = false;
  broker.sync();
  CHECK(broker.received(publisher) == std::vector<std::string>{"PUBACK m1", "PUBACK m2"});
  CHECK(broker.reads(publisher));
  CHECK(store.deliveries() == 2);
}

TEST_CASE("a message larger than what an outbox takes in a turn arrives", "[limits][large]") {
  broker::Limits limits;
  limits.max_packet_size_bytes = 100'000'000;
  Broker broker(2, limits);
  std::vector<Broker::Client> subscribers;
  for (const auto* name : {"one", "two", "three"}) {
    subscribers.push_back(broker.client(name));
    broker.subscribe(subscribers.back(), "t");
    broker.received(subscribers.back());
  }
  const auto publisher = broker.client("publisher");
  const std::string huge(std::size_t{40} << 20U, 'x');
  broker.publish(publisher, "t", huge);
  for (const auto subscriber : subscribers) {
    const auto payloads = broker.take_all(subscriber);
    REQUIRE(payloads.size() == 1);
    CHECK(payloads[0].size() == huge.size());
  }
}
