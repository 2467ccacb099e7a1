#include <catch2/catch.hpp>

#include "test/broker/fixture.h"

using mqtt::PropertyId;
using mqtt::Version;
using Strings = std::vector<std::string>;
using test::Broker;

using namespace std::string_view_literals;

namespace {

test::ConnectOptions persistent(Version version = Version::v3_1_1) {
  test::ConnectOptions options;
  options.version = version;
  options.clean = false;
  if (version == Version::v5_0) options.session_expiry_seconds = 1000;
  return options;
}

}  // namespace

TEST_CASE("QoS 2 is routed once however often it is sent [MQTT-4.3.3-10] [MQTT-4.3.3-12]",
          "[shard][publish]") {
  Broker broker(GENERATE(1U, 4U));
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, "t", {.qos = 0});
  broker.received(subscriber);
  auto publisher = broker.client("p", persistent());
  broker.publish(publisher, "t", "once", {.qos = 2, .packet_id = 9});
  broker.publish(publisher, "t", "once", {.qos = 2, .packet_id = 9, .dup = true});
  broker.lose(publisher);
  publisher = broker.client("p", persistent());
  broker.publish(publisher, "t", "once", {.qos = 2, .packet_id = 9, .dup = true});
  broker.pubrel(publisher, 9);
  broker.pubrel(publisher, 9);
  CHECK(broker.received(publisher) ==
        Strings{"CONNACK 1 00", "PUBREC m9", "PUBCOMP m9", "PUBCOMP m9"});
  CHECK(broker.publishes(subscriber).size() == 1);
  broker.publish(publisher, "t", "again", {.qos = 2, .packet_id = 9});
  CHECK(broker.publishes(subscriber).size() == 1);
}

TEST_CASE("what was in flight is sent again in order, with DUP [MQTT-4.4.0-1] [MQTT-4.6.0-1]",
          "[shard][publish]") {
  Broker broker(GENERATE(1U, 4U));
  auto subscriber = broker.client("s", persistent());
  broker.subscribe(subscriber, "t/#", {.qos = 2});
  const auto publisher = broker.client("p");
  broker.publish(publisher, "t/1", "a", {.qos = 1, .packet_id = 1});
  broker.publish(publisher, "t/2", "b", {.qos = 2, .packet_id = 2});
  broker.publish(publisher, "t/3", "c", {.qos = 2, .packet_id = 3});
  broker.pubrec(subscriber, 2);  // PUBREC: only PUBREL is due from now on
  broker.received(subscriber);
  broker.lose(subscriber);
  broker.publish(publisher, "t/4", "d", {.qos = 1, .packet_id = 4});
  subscriber = broker.client("s", persistent());
  CHECK(broker.received(subscriber) == Strings{"CONNACK 1 00", "PUBLISH q1 r0 d1 m1 t/1 a",
                                               "PUBREL m2", "PUBLISH q2 r0 d1 m3 t/3 c",
                                               "PUBLISH q1 r0 d0 m4 t/4 d"});
  broker.puback(subscriber, 1);
  broker.pubcomp(subscriber, 2);
  broker.pubrec(subscriber, 3);
  broker.pubcomp(subscriber, 3);
  broker.puback(subscriber, 4);
  CHECK(broker.received(subscriber) == Strings{"PUBREL m3"});
  CHECK(broker.metrics().stored_messages == 0);
}

TEST_CASE("no more than Receive Maximum is under way [MQTT-3.3.4-9]", "[shard][publish]") {
  Broker broker(GENERATE(1U, 4U));
  test::ConnectOptions options;
  options.receive_maximum = 2;
  const auto subscriber = broker.client("s", options);
  broker.subscribe(subscriber, "t", {.qos = 2});
  broker.received(subscriber);
  const auto publisher = broker.client("p");
  for (unsigned i = 1; i <= 4; ++i) {
    broker.publish(publisher, "t", std::to_string(i), {.qos = i % 2 + 1, .packet_id = i});
    broker.pubrel(publisher, i);
  }
  CHECK(broker.received(subscriber) ==
        Strings{"PUBLISH q2 r0 d0 m1 t 1", "PUBLISH q1 r0 d0 m2 t 2"});
  broker.pubrec(subscriber, 1);  // PUBREC frees nothing: QoS 2 counts until PUBCOMP
  CHECK(broker.received(subscriber) == Strings{"PUBREL m1"});
  broker.pubcomp(subscriber, 1);
  CHECK(broker.received(subscriber) == Strings{"PUBLISH q2 r0 d0 m3 t 3"});
  broker.pubrec(subscriber, 3, mqtt::Reason::quota_exceeded);  // refused: over without PUBREL
  CHECK(broker.received(subscriber) == Strings{"PUBLISH q1 r0 d0 m4 t 4"});
}

TEST_CASE("a client that exceeds the broker's Receive Maximum is told so [MQTT-3.3.4-7]",
          "[shard][publish]") {
  broker::Limits limits;
  limits.receive_maximum = 3;
  Broker broker(1, limits);
  const auto client = broker.client("c");
  for (unsigned i = 1; i <= 3; ++i) broker.publish(client, "t", "x", {.qos = 2, .packet_id = i});
  for (unsigned i = 10; i < 40; ++i) broker.publish(client, "t", "x", {.qos = 1, .packet_id = i});
  CHECK_FALSE(broker.closed(client));
  broker.received(client);
  broker.publish(client, "t", "x", {.qos = 2, .packet_id = 4});
  CHECK(broker.received(client) == Strings{"DISCONNECT 93"});
}

TEST_CASE("packet identifiers go round and none is zero [MQTT-2.2.1-3]", "[shard][publish]") {
  Broker broker;
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, "t", {.qos = 1});
  const auto publisher = broker.client("p");
  broker.received(subscriber);
  std::string last;
  for (unsigned i = 0; i < 65'540; ++i) {
    broker.publish(publisher, "t", "x", {.qos = 1, .packet_id = 1});
    const Strings packets = broker.received(subscriber);
    REQUIRE(packets.size() == 1);
    last = packets[0];
    REQUIRE(last.find(" m0 ") == std::string::npos);
    broker.puback(subscriber, i % 65'535 + 1);
  }
  CHECK(last == "PUBLISH q1 r0 d0 m5 t x");
}

TEST_CASE("a message larger than the client takes is not sent [MQTT-3.1.2-24] [MQTT-3.1.2-25]",
          "[shard][publish]") {
  Broker broker(GENERATE(1U, 4U));
  test::ConnectOptions options;
  options.packet_bytes_max = 60;
  const auto small = broker.client("small", options);
  const auto large = broker.client("large");
  for (const auto client : {small, large}) broker.subscribe(client, "t", {.qos = 1});
  broker.received(small);
  broker.received(large);
  const auto publisher = broker.client("p");
  broker.publish(publisher, "t", std::string(100, 'x'), {.qos = 1});
  broker.publish(publisher, "t", "fits", {.qos = 1});
  CHECK(broker.publishes(small) == Strings{"PUBLISH q1 r0 d0 m2 t fits"});
  CHECK(broker.publishes(large).size() == 2);
}

TEST_CASE("topic aliases work both ways and die with the connection [MQTT-3.3.2-7]",
          "[shard][publish]") {
  Broker broker(GENERATE(1U, 4U));
  test::ConnectOptions options;
  options.topic_alias_maximum = 1;
  const auto subscriber = broker.client("s", options);
  broker.subscribe(subscriber, "#");
  broker.received(subscriber);
  const auto publisher = broker.client("p");
  broker.publish(publisher, "long/topic", "1", {.topic_alias = 5});
  broker.publish(publisher, "", "2", {.topic_alias = 5});
  broker.publish(publisher, "other", "3");
  CHECK(broker.received(subscriber) == Strings{"PUBLISH q0 r0 d0 m0 long/topic 1 {35=1}",
                                               "PUBLISH q0 r0 d0 m0  2 {35=1}",
                                               "PUBLISH q0 r0 d0 m0 other 3"});
  broker.received(publisher);
  SECTION("an alias above the maximum [MQTT-3.3.2-9]") {
    broker.publish(publisher, "t", "x", {.topic_alias = 11});
    CHECK(broker.received(publisher) == Strings{"DISCONNECT 94"});
  }
  SECTION("an alias that was never set") {
    broker.publish(publisher, "", "x", {.topic_alias = 6});
    CHECK(broker.received(publisher) == Strings{"DISCONNECT 82"});
  }
}

TEST_CASE("properties pass unaltered and in order [MQTT-3.3.2-17] [MQTT-3.3.2-18]",
          "[shard][publish]") {
  Broker broker(GENERATE(1U, 4U));
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, "t", {.qos = 1, .identifier = 268'435'455});
  broker.received(subscriber);
  const auto publisher = broker.client("p");
  broker.publish(
      publisher, "t", "x",
      {.qos = 1,
       .properties = test::user_property("b", "1") + test::property(PropertyId::topic_alias, 1U) +
                     test::property(PropertyId::response_topic, "reply"sv) +
                     test::property(PropertyId::message_expiry_interval, 60U) +
                     test::user_property("a", "2") +
                     test::property(PropertyId::correlation_data, mqtt::as_bytes("id"))});
  broker.pass_milliseconds(100);
  CHECK(broker.received(subscriber) ==
        Strings{"PUBLISH q1 r0 d0 m1 t x {38=b:1 8=reply 38=a:2 9=id 2=60 11=268435455}"});
}

TEST_CASE("message expiry counts down and ends [MQTT-3.3.2-5] [MQTT-3.3.2-6]", "[shard][publish]") {
  Broker broker(GENERATE(1U, 4U));
  auto subscriber = broker.client("s", persistent(Version::v5_0));
  broker.subscribe(subscriber, "t", {.qos = 1});
  broker.lose(subscriber);
  const auto publisher = broker.client("p");
  broker.publish(publisher, "t", "short", {.qos = 1, .expiry_seconds = 5});
  broker.publish(publisher, "t", "long", {.qos = 1, .expiry_seconds = 60});
  broker.publish(publisher, "r", "short", {.retain = true, .expiry_seconds = 5});
  broker.pass_milliseconds(10'000);
  subscriber = broker.client("s", persistent(Version::v5_0));
  CHECK(broker.publishes(subscriber) == Strings{"PUBLISH q1 r0 d0 m2 t long {2=50}"});
  broker.subscribe(subscriber, "r");
  CHECK(broker.publishes(subscriber).empty());
  broker.pass_milliseconds(20'000);
  CHECK(broker.metrics().retained_messages == 0);
}

TEST_CASE("the queue of a client that is away has a limit", "[shard][publish]") {
  broker::Limits limits;
  limits.max_queued_messages = 3;
  limits.queue_qos0_messages = GENERATE(false, true);
  Broker broker(GENERATE(1U, 4U), limits);
  auto subscriber = broker.client("s", persistent());
  broker.subscribe(subscriber, "t", {.qos = 1});
  broker.lose(subscriber);
  const auto publisher = broker.client("p");
  broker.publish(publisher, "t", "zero");
  for (unsigned i = 1; i <= 5; ++i) {
    broker.publish(publisher, "t", std::to_string(i), {.qos = 1, .packet_id = i});
  }
  CHECK(broker.metrics().publish_dropped == (limits.queue_qos0_messages ? 3 : 2));
  subscriber = broker.client("s", persistent());
  CHECK(broker.publishes(subscriber).front() ==
        (limits.queue_qos0_messages ? "PUBLISH q0 r0 d0 m0 t zero" : "PUBLISH q1 r0 d0 m1 t 1"));
}

TEST_CASE("a socket that takes nothing holds back acknowledged messages and drops others",
          "[shard][publish]") {
  broker::Limits limits;
  limits.max_queued_messages = 10;
  Broker broker(1, limits);
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, "t", {.qos = 1});
  broker.received(subscriber);
  broker.set_queued(subscriber, 1'000'000);
  const auto publisher = broker.client("p");
  for (unsigned i = 1; i <= 20; ++i) {
    broker.publish(publisher, "t", "q1", {.qos = 1, .packet_id = i});
    broker.publish(publisher, "t", "q0");
  }
  CHECK(broker.publishes(subscriber).empty());
  CHECK(broker.metrics().publish_dropped == 20);
  broker.set_queued(subscriber, 0);
  CHECK(broker.publishes(subscriber).size() == 20);
}

TEST_CASE("PUBREC goes before the message if its publisher is a subscriber, without 0x10",
          "[shard][publish]") {
  Broker broker;
  const auto client = broker.client("self");
  broker.subscribe(client, "t", {.qos = 2});
  broker.received(client);
  broker.publish(client, "t", "x", {.qos = 2, .packet_id = 9});
  CHECK(broker.received(client) == Strings{"PUBREC m9", "PUBLISH q2 r0 d0 m1 t x"});
  broker.publish(client, "nobody", "x", {.qos = 2, .packet_id = 10});
  CHECK(broker.received(client) == Strings{"PUBREC m10"});
}

TEST_CASE("message_size_limit: the limit passes, one more byte does not", "[shard][publish]") {
  broker::Limits limits;
  limits.message_size_limit_bytes = 10;
  Broker broker(1, limits);
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, "t");
  broker.received(subscriber);
  const auto client = broker.client("c");
  broker.received(client);
  broker.publish(client, "t", "0123456789", {.qos = 1});
  broker.publish(client, "t", "0123456789X", {.qos = 1, .packet_id = 2});
  broker.publish(client, "t", "0123456789X", {.qos = 2, .packet_id = 3});
  CHECK(broker.received(client) == Strings{"PUBACK m1", "PUBACK m2 97", "PUBREC m3 97"});
  CHECK(broker.publishes(subscriber).size() == 1);
}

TEST_CASE("nobody but the broker publishes below $SYS", "[shard][publish]") {
  Broker broker;
  const auto client = broker.client("c");
  broker.subscribe(client, "$SYS/#");
  broker.received(client);
  broker.publish(client, "$SYS/broker/version", "fake", {.qos = 1, .retain = true});
  CHECK(broker.received(client) == Strings{"PUBACK m1 87"});
}

TEST_CASE("a large payload outlives the connection that it came with", "[shard][publish]") {
  // Written from where it was received, be that the last read or what was kept of those before.
  Broker broker(GENERATE(1U, 4U));
  broker.feed = GENERATE(test::Feed::whole, test::Feed::halves);
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, "big");
  broker.received(subscriber);
  const std::string payload(20'000, 'p');
  const std::string publish = test::publish("big", payload);
  const auto publisher = broker.open();
  broker.send(publisher, test::connect("p") + publish + publish + test::disconnect());
  CHECK(broker.closed(publisher));
  const std::string expected = "PUBLISH q0 r0 d0 m0 big " + payload;
  CHECK(broker.publishes(subscriber) == Strings{expected, expected});
}

TEST_CASE("a large payload goes to many without being copied for each", "[shard][publish]") {
  Broker broker(GENERATE(1U, 4U));
  const std::string payload(100'000, 'p');
  std::vector<Broker::Client> clients;
  for (int i = 0; i < 10; ++i) {
    clients.push_back(broker.client(std::string("s").append(std::to_string(i))));
    broker.subscribe(clients.back(), "big", {.qos = static_cast<unsigned>(i % 3)});
    broker.received(clients.back());
  }
  const auto publisher = broker.client("p");
  broker.publish(publisher, "big", payload, {.qos = 2});
  for (std::size_t i = 0; i < clients.size(); ++i) {
    const std::string qos = std::to_string(i % 3);
    const std::string id = i % 3 == 0 ? "0" : "1";
    CHECK(broker.publishes(clients[i]) ==
          Strings{"PUBLISH q" + qos + " r0 d0 m" + id + " big " + payload});
  }
}
