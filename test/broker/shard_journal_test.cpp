#include <catch2/catch.hpp>
#include <string>

#include "test/broker/fixture.h"

// What is acknowledged is stored, and what is stored comes back.

namespace {

using test::Broker;
using test::lasting;
using test::MemoryStore;
using Packets = std::vector<std::string>;

/// A broker with a client that subscribed to "t" with QoS 2 and went away.
struct WithAbsentee {
  explicit WithAbsentee(std::uint32_t shards = 1) : broker(shards, store) {
    const auto away = broker.client("away", lasting());
    broker.subscribe(away, "t", {.qos = 2});
    broker.disconnect(away);
    publisher = broker.client("publisher");
    broker.received(publisher);
  }
  MemoryStore store;
  Broker broker;
  Broker::Client publisher;
};

}  // namespace

TEST_CASE("PUBACK waits until the message is stored for who is away [MQTT-4.3.2-4]", "[journal]") {
  const auto shards = GENERATE(1U, 2U, 5U);
  WithAbsentee scene(shards);
  scene.broker.disk_stalls = true;
  scene.broker.publish(scene.publisher, "t", "one", {.qos = 1});
  CHECK(scene.broker.received(scene.publisher).empty());
  scene.broker.sync();
  CHECK(scene.broker.received(scene.publisher) == Packets{"PUBACK m1"});
  CHECK(scene.store.deliveries() == 1);
}

TEST_CASE("PUBACK does not wait where nothing has to be stored", "[journal]") {
  MemoryStore store;
  Broker broker(GENERATE(1U, 3U), store);
  const auto subscriber = broker.client("subscriber");
  broker.subscribe(subscriber, "t", {.qos = 1});
  const auto publisher = broker.client("publisher");
  broker.received(publisher);
  broker.disk_stalls = true;
  broker.publish(publisher, "t", "one", {.qos = 1});
  CHECK(broker.received(publisher) == Packets{"PUBACK m1"});
  broker.publish(publisher, "nobody", "two", {.qos = 1});
  CHECK(broker.received(publisher) == Packets{"PUBACK m1 10"});
  CHECK(store.written() == 0);
}

TEST_CASE("an acknowledgement does not overtake one that waits [MQTT-4.6.0-2]", "[journal]") {
  WithAbsentee scene;
  scene.broker.disk_stalls = true;
  scene.broker.publish(scene.publisher, "t", "one", {.qos = 1, .packet_id = 1});
  scene.broker.publish(scene.publisher, "nobody", "two", {.qos = 1, .packet_id = 2});
  CHECK(scene.broker.received(scene.publisher).empty());
  scene.broker.send(scene.publisher, test::pingreq());
  CHECK(scene.broker.received(scene.publisher) == Packets{"PINGRESP"});
  scene.broker.sync();
  CHECK(scene.broker.received(scene.publisher) == Packets{"PUBACK m1", "PUBACK m2 10"});
}

TEST_CASE("a message that everybody acknowledged in time is never written", "[journal]") {
  MemoryStore store;
  Broker broker(GENERATE(1U, 4U), store);
  const auto subscriber = broker.client("subscriber", lasting());
  broker.subscribe(subscriber, "t", {.qos = 1});
  const auto away = broker.client("away", lasting());
  broker.subscribe(away, "other", {.qos = 1});
  broker.disconnect(away);
  const auto publisher = broker.client("publisher");
  broker.received(publisher);
  broker.received(subscriber);
  const std::size_t before = store.written();
  broker.disk_stalls = true;
  broker.publish(publisher, "t", "one", {.qos = 1, .packet_id = 1});  // on its way to the disk
  broker.publish(publisher, "t", "two", {.qos = 1, .packet_id = 2});
  CHECK(broker.publishes(subscriber).size() == 2);
  CHECK(broker.received(publisher).empty());
  broker.puback(subscriber, 1);
  broker.puback(subscriber, 2);
  broker.sync();
  broker.sync();
  CHECK(broker.received(publisher).size() == 2);
  CHECK(store.deliveries() == 0);
  CHECK(store.messages() == 0);
  // The first: message and delivery, their ends. The second: nothing.
  CHECK(store.written() - before == 4);
}

TEST_CASE("PUBREC, PUBREL, PUBCOMP and the message itself wait with QoS 2", "[journal]") {
  MemoryStore store;
  Broker broker(GENERATE(1U, 4U), store);
  const auto subscriber = broker.client("subscriber", lasting());
  broker.subscribe(subscriber, "t", {.qos = 2});
  const auto publisher = broker.client("publisher", lasting());
  broker.received(publisher);
  broker.received(subscriber);
  broker.disk_stalls = true;
  broker.publish(publisher, "t", "one", {.qos = 2, .packet_id = 9});
  CHECK(broker.received(publisher).empty());
  CHECK(broker.received(subscriber).empty());
  broker.sync();
  CHECK(broker.received(publisher) == Packets{"PUBREC m9"});
  CHECK(broker.received(subscriber) == Packets{"PUBLISH q2 r0 d0 m1 t one"});
  broker.pubrec(subscriber, 1);
  broker.pubrel(publisher, 9);
  CHECK(broker.received(publisher).empty());
  CHECK(broker.received(subscriber).empty());
  broker.sync();
  CHECK(broker.received(publisher) == Packets{"PUBCOMP m9"});
  CHECK(broker.received(subscriber) == Packets{"PUBREL m1"});
  broker.pubcomp(subscriber, 1);
  broker.sync();
  CHECK(store.deliveries() == 0);
  CHECK(store.faults().empty());
}

TEST_CASE("SUBACK, UNSUBACK and the CONNACK of a new session wait", "[journal]") {
  MemoryStore store;
  Broker broker(1, store);
  broker.disk_stalls = true;
  const auto client = broker.client("client", lasting());
  broker.subscribe(client, "t", {.qos = 1});
  broker.send(client, test::pingreq());
  CHECK(broker.received(client).empty());  // nothing overtakes CONNACK
  broker.sync();
  CHECK(broker.received(client).size() == 3);
  broker.unsubscribe(client, "t");
  CHECK(broker.received(client).empty());
  broker.sync();
  CHECK(broker.received(client) == Packets{"UNSUBACK m11 00"});
  broker.lose(client);
  broker.sync();
  const auto again = broker.client("client", lasting());
  CHECK(broker.received(again).at(0).starts_with("CONNACK 1"));  // nothing new to be stored first
}

TEST_CASE("relaxed durability acknowledges at once and stores within a second", "[journal]") {
  MemoryStore store;
  Broker broker(GENERATE(1U, 3U), store, {}, broker::Durability::relaxed);
  const auto away = broker.client("away", lasting());
  broker.subscribe(away, "t", {.qos = 1});
  broker.disconnect(away);
  const auto publisher = broker.client("publisher");
  broker.received(publisher);
  broker.publish(publisher, "t", "one", {.qos = 1});
  CHECK(broker.received(publisher) == Packets{"PUBACK m1"});
  broker.pass_milliseconds(1000);
  CHECK(store.deliveries() == 1);
}

TEST_CASE("all of a session comes back after a crash, whatever the number of shards", "[journal]") {
  const auto before = GENERATE(1U, 3U);
  const auto after = GENERATE(1U, 4U);
  MemoryStore store;
  {
    Broker broker(before, store);
    auto options = lasting();
    options.session_expiry_seconds = 3600;
    options.will_topic = "will";
    options.will_delay_seconds = 5;
    options.will_retain = true;
    const auto client = broker.client("client", options);
    broker.subscribe(client, "a/+", {.qos = 2, .extra = 0x08, .identifier = 77});
    broker.subscribe(client, "$share/g/s/#", {.qos = 1});
    broker.publish(client, "in", "half", {.qos = 2, .packet_id = 3});
    const auto publisher = broker.client("publisher");
    broker.publish(publisher, "a/1", "first", {.qos = 2, .packet_id = 1, .retain = true});
    broker.publish(publisher, "a/2", "second", {.qos = 1, .packet_id = 2});
    broker.publish(publisher, "s/1", "shared", {.qos = 1, .packet_id = 3});
    CHECK(broker.publishes(client).size() == 3);
    broker.pubrec(client, 1);  // PUBREC for the first
    CHECK(store.faults().empty());
  }
  Broker broker(after, store);
  const auto watcher = broker.client("watcher");
  broker.subscribe(watcher, "will");
  broker.received(watcher);
  const auto client = broker.client("client", lasting());
  const Packets packets = broker.received(client);
  REQUIRE(packets.size() == 4);
  CHECK(packets[0].starts_with("CONNACK 1"));
  CHECK(packets[1] == "PUBREL m1");
  CHECK(packets[2] == "PUBLISH q1 r0 d1 m2 a/2 second {11=77}");
  CHECK(packets[3].starts_with("PUBLISH q1 r0 d1 m3 s/1 shared"));
  broker.publish(client, "in", "half", {.qos = 2, .packet_id = 3, .dup = true});
  CHECK(broker.received(client) == Packets{"PUBREC m3"});  // it is known, so goes nowhere
  const auto publisher = broker.client("publisher");
  broker.publish(publisher, "a/3", "third", {.qos = 0, .retain = true});
  CHECK(broker.publishes(client) == Packets{"PUBLISH q0 r1 d0 m0 a/3 third {11=77}"});
  broker.publish(publisher, "s/2", "more");
  CHECK(broker.publishes(client).size() == 1);
  broker.subscribe(publisher, "a/1");
  CHECK(broker.publishes(publisher) == Packets{"PUBLISH q0 r1 d0 m0 a/1 first"});
  broker.pass_milliseconds(6000);
  CHECK(broker.publishes(watcher).empty());  // the client came back before its will was due
  CHECK(store.faults().empty());
}

TEST_CASE("wills and sessions that came due while the broker was down", "[journal]") {
  MemoryStore store;
  broker::Instant crashed;
  {
    Broker broker(2, store);
    test::ConnectOptions options;
    options.session_expiry_seconds = 30;
    options.will_topic = "will";
    options.will_delay_seconds = 10;
    options.will_retain = true;
    const auto client = broker.client("client", options);
    broker.subscribe(client, "t");
    broker.lose(client);
    crashed = broker.now;
  }
  Broker broker(2, store, {}, broker::Durability::commit);
  CHECK(broker.metrics().sessions == 1);
  broker.now = broker::after_seconds(crashed, 20);
  broker.pass_milliseconds(500);
  const auto late = broker.client("late");
  broker.subscribe(late, "will");
  CHECK(broker.publishes(late).size() == 1);
  CHECK(broker.metrics().sessions == 2);
  broker.pass_milliseconds(15'000);
  CHECK(broker.metrics().sessions == 1);
  CHECK(store.sessions() == 0);
  CHECK(store.faults().empty());
}

TEST_CASE("a retained topic is one row however often it changed", "[journal]") {
  MemoryStore store;
  Broker broker(GENERATE(1U, 3U), store);
  const auto publisher = broker.client("publisher");
  broker.received(publisher);
  broker.disk_stalls = true;
  for (unsigned i = 1; i <= 50; ++i) {
    broker.publish(publisher, "t", std::to_string(i), {.qos = 1, .packet_id = i, .retain = true});
  }
  CHECK(broker.received(publisher).empty());
  broker.sync();
  broker.sync();
  CHECK(broker.received(publisher).size() == 50);
  CHECK(store.retained() == 1);
  CHECK(store.messages() == 1);
  CHECK(store.written() <= 5);  // the first, its end, and the last
  broker.publish(publisher, "t", "", {.qos = 1, .packet_id = 51, .retain = true});
  broker.sync();
  CHECK(store.retained() == 0);
  CHECK(store.messages() == 0);
}

TEST_CASE("one copy of a message, however many wait for it", "[journal]") {
  const auto shards = GENERATE(1U, 3U);
  MemoryStore store;
  Broker broker(shards, store);
  for (int i = 0; i < 20; ++i) {
    const auto client = broker.client("client" + std::to_string(i), lasting());
    broker.subscribe(client, "t", {.qos = 1});
    broker.disconnect(client);
  }
  const auto publisher = broker.client("publisher");
  broker.publish(publisher, "t", "one", {.qos = 1, .retain = true});
  CHECK(store.deliveries() == 20);
  CHECK(store.messages() == 1);
  for (int i = 0; i < 20; ++i) {
    const auto client = broker.client("client" + std::to_string(i), lasting());
    CHECK(broker.publishes(client).size() == 1);
    broker.puback(client, 1);
  }
  CHECK(store.deliveries() == 0);
  CHECK(store.messages() == 1);  // it is retained
  CHECK(store.faults().empty());
}

TEST_CASE("a session that ends leaves nothing behind", "[journal]") {
  WithAbsentee scene(GENERATE(1U, 3U));
  scene.broker.publish(scene.publisher, "t", "one", {.qos = 1});
  scene.broker.publish(scene.publisher, "t", "two", {.qos = 2, .packet_id = 2});
  CHECK(scene.store.deliveries() == 2);
  scene.broker.client("away");  // Clean Start
  CHECK(scene.store.deliveries() == 0);
  CHECK(scene.store.messages() == 0);
  CHECK(scene.store.sessions() == 0);
  CHECK(scene.store.faults().empty());
}

TEST_CASE(
    "QoS 2 that a member may have been sent before a crash goes to nobody else [MQTT-4.8.2-5]",
    "[journal]") {
  MemoryStore store;
  {
    broker::Limits limits;
    limits.max_inflight_messages = 3;
    Broker broker(1, store, limits);
    const auto stayer = broker.client("stayer", lasting());
    broker.subscribe(stayer, "$share/g/t", {.qos = 2});
    broker.disconnect(stayer);
    const auto leaver = broker.client("leaver", lasting());
    broker.subscribe(leaver, "$share/g/t", {.qos = 2});
    const auto publisher = broker.client("publisher");
    for (unsigned id = 1; id <= 5; ++id) {
      broker.publish(publisher, "t", std::to_string(id), {.qos = 2, .packet_id = id});
      broker.pubrel(publisher, id);
      if (id != 2 && id != 3) continue;
      broker.pubrec(leaver, id);
      broker.pubcomp(leaver, id);
    }
    CHECK(broker.publishes(leaver).size() == 5);
    CHECK(store.deliveries() == 3);
  }
  broker::Limits limits;
  limits.max_inflight_messages = 3;
  Broker broker(1, store, limits);
  broker.client("leaver");  // Clean Start
  CHECK(broker.publishes(broker.client("stayer", lasting())).empty());
  CHECK(store.deliveries() == 0);
}

TEST_CASE("the CONNACK of a session that is there waits for a new will", "[journal]") {
  MemoryStore store;
  Broker broker(1, store);
  broker.disconnect(broker.client("client", lasting()));
  broker.disk_stalls = true;
  auto options = lasting();
  const bool with_will = GENERATE(false, true);
  if (with_will) options.will_topic = "will";
  const auto client = broker.client("client", options);
  CHECK(broker.received(client).size() == (with_will ? 0 : 1));
  broker.sync();
  CHECK(broker.received(client).size() == (with_will ? 1 : 0));
}

TEST_CASE("a will and a session that were due before the client came back are not taken back",
          "[journal]") {
  MemoryStore store;
  Broker broker(1, store);
  const auto watcher = broker.client("watcher");
  broker.subscribe(watcher, "will");
  broker.received(watcher);
  auto options = lasting();
  options.session_expiry_seconds = 2;
  options.will_topic = "will";
  options.will_delay_seconds = 1;
  broker.lose(broker.client("client", options));
  broker.now = broker::after_milliseconds(broker.now, 1000);  // no tick yet
  options.will_topic.clear();
  const auto client = broker.client("client", options);
  CHECK(broker.received(client).at(0).starts_with("CONNACK 1"));
  CHECK(broker.publishes(watcher).size() == 1);
  broker.lose(client);
  broker.now = broker::after_milliseconds(broker.now, 2000);
  CHECK(broker.received(broker.client("client", options)).at(0).starts_with("CONNACK 0"));
}
