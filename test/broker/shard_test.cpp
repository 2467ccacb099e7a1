#include <catch2/catch.hpp>

#include "test/broker/fixture.h"

using Strings = std::vector<std::string>;
using test::Broker;

TEST_CASE("a message reaches its subscriber, however the bytes arrive", "[shard]") {
  const auto feed = GENERATE(test::Feed::whole, test::Feed::halves, test::Feed::bytes);
  const auto shards = GENERATE(1U, 4U);
  Broker broker(shards);
  broker.feed = feed;
  const auto subscriber = broker.client("subscriber");
  CHECK(broker.received(subscriber) == Strings{"CONNACK 0 00 {34=10 39=2000000}"});
  broker.subscribe(subscriber, "a/+", {.qos = 1});
  CHECK(broker.received(subscriber) == Strings{"SUBACK m10 01"});
  const auto publisher = broker.client("publisher", {.version = mqtt::Version::v3_1_1});
  CHECK(broker.received(publisher) == Strings{"CONNACK 0 00"});
  broker.publish(publisher, "a/b", "zero");
  broker.publish(publisher, "a/b", "one", {.qos = 1, .packet_id = 5});
  broker.publish(publisher, "a/b", "two", {.qos = 2, .packet_id = 6});
  CHECK(broker.received(publisher) == Strings{"PUBACK m5", "PUBREC m6"});
  CHECK(broker.received(subscriber) == Strings{"PUBLISH q0 r0 d0 m0 a/b zero",
                                               "PUBLISH q1 r0 d0 m1 a/b one",
                                               "PUBLISH q1 r0 d0 m2 a/b two"});
}
