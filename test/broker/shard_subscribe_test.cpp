#include <catch2/catch.hpp>
#include <set>

#include "test/broker/fixture.h"

using mqtt::Version;
using Strings = std::vector<std::string>;
using test::Broker;

namespace {

constexpr unsigned no_local = 0x04;
constexpr unsigned retain_as_published = 0x08;
constexpr unsigned send_if_new = 0x10;
constexpr unsigned do_not_send = 0x20;

test::ConnectOptions of(Version version) {
  test::ConnectOptions options;
  options.version = version;
  return options;
}

test::ConnectOptions persistent() {
  test::ConnectOptions options;
  options.clean = false;
  options.session_expiry_seconds = 1000;
  return options;
}

}  // namespace

TEST_CASE(
    "overlapping subscriptions: one copy with all identifiers in 5.0 [MQTT-3.3.4-2] "
    "[MQTT-3.3.4-3] [MQTT-3.3.4-4]",
    "[shard][subscribe]") {
  broker::Limits limits;
  limits.allow_duplicate_messages = GENERATE(true, false);
  Broker broker(GENERATE(1U, 4U), limits);
  const auto client = broker.client("c");
  broker.subscribe(client, "a/#", {.qos = 0, .identifier = 1});
  broker.subscribe(client, "a/+", {.qos = 1, .identifier = 2});
  broker.subscribe(client, "+/b", {.qos = 0});
  broker.received(client);
  broker.publish(broker.client("p"), "a/b", "x", {.qos = 2});
  const Strings packets = broker.publishes(client);
  REQUIRE(packets.size() == 1);
  const std::set<std::string> expected = {"PUBLISH q1 r0 d0 m1 a/b x {11=1 11=2}",
                                          "PUBLISH q1 r0 d0 m1 a/b x {11=2 11=1}"};
  CHECK(expected.contains(packets[0]));
}

TEST_CASE("overlapping subscriptions before 5.0: as allow_duplicate_messages says",
          "[shard][subscribe]") {
  broker::Limits limits;
  limits.allow_duplicate_messages = GENERATE(true, false);
  Broker broker(1, limits);
  const auto client = broker.client("c", of(Version::v3_1_1));
  broker.subscribe(client, "a/#", {.qos = 0});
  broker.subscribe(client, "a/+", {.qos = 1});
  broker.received(client);
  broker.publish(broker.client("p"), "a/b", "x", {.qos = 2});
  CHECK(broker.publishes(client).size() == (limits.allow_duplicate_messages ? 2 : 1));
}

TEST_CASE("subscribing again replaces [MQTT-3.8.4-3]", "[shard][subscribe]") {
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.client("c");
  broker.subscribe(client, "t", {.qos = 2, .identifier = 1});
  broker.subscribe(client, "t", {.qos = 0, .identifier = 2});
  broker.received(client);
  broker.publish(client, "t", "x", {.qos = 1});
  CHECK(broker.publishes(client) == Strings{"PUBLISH q0 r0 d0 m0 t x {11=2}"});
  CHECK(broker.metrics().subscriptions == 1);
}

TEST_CASE("No Local and another subscription of the same client [MQTT-3.8.3-3]",
          "[shard][subscribe]") {
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.client("c");
  broker.subscribe(client, "t", {.qos = 1, .extra = no_local, .identifier = 1});
  broker.received(client);
  broker.publish(client, "t", "mine", {.qos = 1});
  CHECK(broker.publishes(client).empty());
  broker.subscribe(client, "#", {.qos = 0, .identifier = 2});
  broker.publish(client, "t", "mine", {.qos = 1});
  CHECK(broker.publishes(client) == Strings{"PUBLISH q0 r0 d0 m0 t mine {11=2}"});
  broker.publish(broker.client("p"), "t", "yours", {.qos = 1});
  CHECK(broker.publishes(client).size() == 1);
}

TEST_CASE(
    "retained messages: stored, replaced, removed, and for whom [MQTT-3.3.1-5] "
    "[MQTT-3.3.1-6] [MQTT-3.3.1-8]",
    "[shard][retained]") {
  Broker broker(GENERATE(1U, 4U));
  const auto publisher = broker.client("p");
  broker.publish(publisher, "r/1", "old", {.qos = 1, .retain = true});
  broker.publish(publisher, "r/1", "new", {.qos = 1, .retain = true});
  broker.publish(publisher, "r/2", "gone", {.qos = 1, .retain = true});
  broker.publish(publisher, "r/2", "", {.qos = 1, .retain = true});
  for (const std::string id : {"a", "b", "c", "d", "e"}) {  // at home on different shards
    const auto late = broker.client(id);
    broker.received(late);
    broker.subscribe(late, "r/#", {.qos = 2});
    CHECK(broker.received(late) == Strings{"SUBACK m10 02", "PUBLISH q1 r1 d0 m1 r/1 new"});
  }
  CHECK(broker.metrics().retained_messages == 1);
}

TEST_CASE("retain handling 0, 1 and 2 [MQTT-3.3.1-9] [MQTT-3.3.1-10] [MQTT-3.3.1-11]",
          "[shard][retained]") {
  Broker broker(GENERATE(1U, 4U));
  broker.publish(broker.client("p"), "r", "kept", {.retain = true});
  const auto client = broker.client("c");
  broker.received(client);
  broker.subscribe(client, "r", {.extra = do_not_send});
  CHECK(broker.publishes(client).empty());
  broker.subscribe(client, "r", {.extra = send_if_new});
  CHECK(broker.publishes(client).empty());
  broker.subscribe(client, "r");
  CHECK(broker.publishes(client).size() == 1);
  broker.unsubscribe(client, "r");
  broker.subscribe(client, "r", {.extra = send_if_new});
  CHECK(broker.publishes(client).size() == 1);
}

TEST_CASE("Retain As Published [MQTT-3.3.1-12] [MQTT-3.3.1-13]", "[shard][retained]") {
  Broker broker(GENERATE(1U, 4U));
  const auto plain = broker.client("plain");
  const auto exact = broker.client("exact");
  broker.subscribe(plain, "t");
  broker.subscribe(exact, "t", {.extra = retain_as_published});
  broker.received(plain);
  broker.received(exact);
  broker.publish(broker.client("p"), "t", "x", {.retain = true});
  CHECK(broker.publishes(plain) == Strings{"PUBLISH q0 r0 d0 m0 t x"});
  CHECK(broker.publishes(exact) == Strings{"PUBLISH q0 r1 d0 m0 t x"});
}

TEST_CASE("UNSUBACK says what was there [MQTT-3.10.4-4] [MQTT-3.10.4-5]", "[shard][subscribe]") {
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.client("c");
  broker.subscribe(client, "a/+");
  broker.subscribe(client, "$share/g/b");
  broker.received(client);
  broker.unsubscribe(client, "a/b");
  broker.unsubscribe(client, "a/+");
  broker.unsubscribe(client, "$share/g/b");
  broker.unsubscribe(client, "$share/g/b");
  CHECK(broker.received(client) ==
        Strings{"UNSUBACK m11 11", "UNSUBACK m11 00", "UNSUBACK m11 00", "UNSUBACK m11 11"});
  broker.publish(client, "b", "x", {.qos = 1});
  CHECK(broker.received(client) == Strings{"PUBACK m1 10"});
}

TEST_CASE("ill-formed filters end the connection [MQTT-4.7.1-1] [MQTT-4.8.2-1] [MQTT-3.8.3-4]",
          "[shard][subscribe]") {
  const auto [filter, extra] = GENERATE(table<std::string, unsigned>({{"a/#/b", 0},
                                                                      {"a+", 0},
                                                                      {"", 0},
                                                                      {"$share//a", 0},
                                                                      {"$share/g", 0},
                                                                      {"$share/g+/a", 0},
                                                                      {"$share/g/a", no_local}}));
  Broker broker;
  const auto client = broker.client("c");
  broker.received(client);
  broker.subscribe(client, filter, {.extra = extra});
  CAPTURE(filter);
  CHECK(broker.closed(client));
  CHECK(broker.received(client).front().starts_with("DISCONNECT 8"));
}

TEST_CASE("a shared subscription gives each message to one member", "[shard][shared]") {
  Broker broker(GENERATE(1U, 4U));
  std::vector<Broker::Client> members;
  for (const std::string id : {"m1", "m2", "m3"}) {
    members.push_back(broker.client(id));
    broker.subscribe(members.back(), "$share/group/t/+", {.qos = 1, .identifier = 3});
    broker.received(members.back());
  }
  const auto publisher = broker.client("p");
  for (unsigned i = 1; i <= 30; ++i) {
    broker.publish(publisher, "t/x", "m", {.qos = 1, .packet_id = i});
  }
  for (const auto member : members) {
    const Strings mine = broker.publishes(member);
    CHECK(mine.size() == 10);
    CHECK(mine.front() == "PUBLISH q1 r0 d0 m1 t/x m {11=3}");
    for (unsigned id = 1; id <= 10; ++id) broker.puback(member, id);
  }
  broker.disconnect(members[0]);
  broker.disconnect(members[1]);
  for (unsigned i = 1; i <= 6; ++i) broker.publish(publisher, "t/x", "m", {.qos = 1});
  CHECK(broker.publishes(members[2]).size() == 6);
}

TEST_CASE("a member that leaves loses nothing for its group", "[shard][shared]") {
  Broker broker(GENERATE(1U, 4U));
  const auto first = broker.client("m1");
  broker.subscribe(first, "$share/g/t", {.qos = 1});
  const auto publisher = broker.client("p");
  for (unsigned i = 1; i <= 5; ++i) {
    broker.publish(publisher, "t", std::to_string(i), {.qos = 1, .packet_id = i});
  }
  broker.puback(first, 1);
  const auto second = broker.client("m2");
  broker.subscribe(second, "$share/g/t", {.qos = 1});
  broker.received(second);
  broker.lose(first);  // its session ends with it
  CHECK(broker.publishes(second) == Strings{"PUBLISH q1 r0 d0 m1 t 2", "PUBLISH q1 r0 d0 m2 t 3",
                                            "PUBLISH q1 r0 d0 m3 t 4", "PUBLISH q1 r0 d0 m4 t 5"});
}

TEST_CASE("a shared subscription prefers members that are there, and queues if none is",
          "[shard][shared]") {
  Broker broker(GENERATE(1U, 4U));
  auto away = broker.client("away", persistent());
  broker.subscribe(away, "$share/g/t", {.qos = 1});
  const auto here = broker.client("here");
  broker.subscribe(here, "$share/g/t", {.qos = 1});
  broker.received(here);
  broker.lose(away);
  const auto publisher = broker.client("p");
  for (int i = 0; i < 4; ++i) broker.publish(publisher, "t", "x", {.qos = 1});
  CHECK(broker.publishes(here).size() == 4);
  for (unsigned id = 1; id <= 4; ++id) broker.puback(here, id);
  broker.disconnect(here);
  broker.publish(publisher, "t", "queued", {.qos = 1});
  away = broker.client("away", persistent());
  CHECK(broker.publishes(away) == Strings{"PUBLISH q1 r0 d0 m1 t queued"});
}

TEST_CASE("no retained message for a shared subscription", "[shard][shared]") {
  Broker broker(GENERATE(1U, 4U));
  broker.publish(broker.client("p"), "t", "kept", {.retain = true});
  const auto client = broker.client("c");
  broker.subscribe(client, "$share/g/t");
  CHECK(broker.publishes(client).empty());
}

TEST_CASE("a topic that a mount point makes too long for a packet is refused",
          "[shard][subscribe]") {
  auto policy = Broker::open_policy();
  policy.mount_point = "site";
  Broker broker(1, {}, policy);
  const std::string longest(65'535 - policy.mount_point.size(), 'a');
  const std::string too_long = longest + "a";
  const auto publisher = broker.client("p");
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, longest);
  broker.received(subscriber);
  broker.publish(publisher, longest, "x");
  CHECK(broker.publishes(subscriber) == Strings{"PUBLISH q0 r0 d0 m0 " + longest + " x"});
  broker.publish(publisher, too_long, "x");
  CHECK(broker.closed(publisher));
  broker.subscribe(subscriber, too_long);
  CHECK(broker.closed(subscriber));
  test::ConnectOptions with_will;
  with_will.will_topic = too_long;
  CHECK(broker.closed(broker.client("w", with_will)));
}

TEST_CASE("a mount point is put on and taken off", "[shard][subscribe]") {
  auto policy = Broker::open_policy();
  policy.mount_point = "site/";
  Broker broker(GENERATE(1U, 4U), {}, policy);
  const auto client = broker.client("c");
  broker.subscribe(client, "a/#", {.qos = 1});
  broker.subscribe(client, "$share/g/b", {.qos = 1});
  broker.received(client);
  broker.publish(client, "a/b", "x", {.qos = 1, .retain = true});
  broker.publish(client, "b", "y", {.qos = 1});
  CHECK(broker.publishes(client) ==
        Strings{"PUBLISH q1 r0 d0 m1 a/b x", "PUBLISH q1 r0 d0 m2 b y"});
}
