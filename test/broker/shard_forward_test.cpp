#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "test/broker/fixture.h"

// What shards tell each other is stored once, and acknowledged when all of them have stored it.

namespace {

using test::Broker;
using test::lasting;
using test::MemoryStore;
using Packets = std::vector<std::string>;

/// Two names that are at home on different shards.
std::pair<std::string, std::string> far_apart(Broker& broker) {
  const broker::Shard& shard = broker.shard(0);
  const std::string first = "first";
  for (int i = 0;; ++i) {
    std::string second = "second" + std::to_string(i);
    if (shard.home_of(second) != shard.home_of(first)) return {first, second};
  }
}

/// Brings batch after batch to the disk until the client gets a packet; false if it never does.
bool store_until(Broker& broker, Broker::Client client, std::string_view packet) {
  for (int i = 0; i < 12; ++i) {
    broker.sync(1);
    for (const std::string& one : broker.received(client)) {
      if (one.starts_with(packet)) return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("QoS 2 to another shard is stored on its way, and told when that is on disk",
          "[journal]") {
  MemoryStore store;
  std::string publisher_id;
  std::string subscriber_id;
  {
    Broker broker(2, store);
    std::tie(publisher_id, subscriber_id) = far_apart(broker);
    const auto subscriber = broker.client(subscriber_id, lasting());
    broker.subscribe(subscriber, "t", {.qos = 2});
    const auto publisher = broker.client(publisher_id, lasting());
    broker.received(publisher);
    broker.received(subscriber);
    broker.disk_stalls = true;
    broker.publish(publisher, "t", "one", {.qos = 2, .packet_id = 9});
    CHECK(broker.received(publisher).empty());
    broker.sync(1);  // identifier and message, on its way
    CHECK(broker.received(publisher) == Packets{"PUBREC m9"});
    CHECK(store.forwards() == 1);
    CHECK(store.deliveries() == 0);
    CHECK(broker.received(subscriber).empty());
    // The process ends here: the other shard has stored nothing.
  }
  const auto shards = GENERATE(1U, 2U, 3U);
  Broker broker(shards, store);
  CHECK(store.forwards() == 0);
  CHECK(store.deliveries() == 1);
  const auto publisher = broker.client(publisher_id, lasting());
  broker.received(publisher);
  broker.publish(publisher, "t", "one", {.qos = 2, .packet_id = 9, .dup = true});
  CHECK(broker.received(publisher) == Packets{"PUBREC m9"});
  const auto subscriber = broker.client(subscriber_id, lasting());
  CHECK(broker.publishes(subscriber) == Packets{"PUBLISH q2 r0 d0 m1 t one"});
  broker.pubrec(subscriber, 1);
  broker.pubcomp(subscriber, 1);
  CHECK(store.messages() == 0);
  CHECK(store.faults().empty());
}

TEST_CASE("what a group gets back from a session that ended is on its way until it is stored",
          "[journal]") {
  MemoryStore store;
  std::string leaver_id;
  std::string stayer_id;
  {
    Broker broker(3, store);
    std::tie(leaver_id, stayer_id) = far_apart(broker);
    const auto leaver = broker.client(leaver_id, lasting());
    broker.subscribe(leaver, "$share/g/t", {.qos = 1});
    const auto publisher = broker.client("publisher");
    broker.publish(publisher, "t", "one", {.qos = 1});
    const auto stayer = broker.client(stayer_id, lasting());
    broker.subscribe(stayer, "$share/g/t", {.qos = 1});
    broker.disconnect(stayer);
    broker.disconnect(leaver);
    broker.disk_stalls = true;
    broker.client(leaver_id);  // Clean Start
    broker.sync(1);
    CHECK(store.deliveries() + store.forwards() == 1);
  }
  Broker broker(GENERATE(1U, 3U), store);
  CHECK(store.forwards() == 0);
  const auto stayer = broker.client(stayer_id, lasting());
  CHECK(broker.publishes(stayer).size() == 1);
  CHECK(store.faults().empty());
}

TEST_CASE("groups know their members before anybody may publish", "[journal]") {
  MemoryStore store;
  {
    Broker broker(3, store);
    for (int i = 0; i < 20; ++i) {
      const auto member = broker.client("member" + std::to_string(i), lasting());
      broker.subscribe(member, "$share/g/t", {.qos = 1});
    }
  }
  Broker broker(3, store);
  // Nothing was passed on yet: it does not take a turn of the members' loops.
  for (std::uint32_t i = 0; i < 3; ++i) CHECK(broker.shard(i).peer_outbox().empty());
}

TEST_CASE("QoS 0 goes to other shards while the disk stalls", "[journal]") {
  MemoryStore store;
  Broker broker(2, store);
  const auto [publisher_id, subscriber_id] = far_apart(broker);
  const auto subscriber = broker.client(subscriber_id, lasting());
  broker.subscribe(subscriber, "#", {.qos = 2});
  const auto publisher = broker.client(publisher_id, lasting());
  broker.received(subscriber);
  broker.disk_stalls = true;
  broker.publish(publisher, "t", "waits", {.qos = 2, .packet_id = 1, .retain = true});
  broker.publish(publisher, "t", "follows", {.qos = 1, .packet_id = 2, .retain = true});
  broker.publish(publisher, "u", "follows too", {.qos = 1, .packet_id = 3});
  CHECK(broker.publishes(subscriber).empty());
  broker.publish(publisher, "u", "at once", {.qos = 0});
  CHECK(broker.publishes(subscriber) == Packets{"PUBLISH q0 r0 d0 m0 u at once"});
  for (int i = 0; i < 6; ++i) broker.sync();
  CHECK(broker.publishes(subscriber) == Packets{"PUBLISH q2 r0 d0 m1 t waits",
                                                "PUBLISH q1 r0 d0 m2 t follows",
                                                "PUBLISH q1 r0 d0 m3 u follows too"});
  const auto late = broker.client("late");
  broker.subscribe(late, "t");
  broker.sync();
  CHECK(broker.publishes(late) == Packets{"PUBLISH q0 r1 d0 m0 t follows"});
}

TEST_CASE("what overtakes on the way to another shard confirms nothing that it overtook",
          "[journal]") {
  MemoryStore store;
  Broker broker(2, store);
  const auto [publisher_id, subscriber_id] = far_apart(broker);
  const auto subscriber = broker.client(subscriber_id, lasting());
  broker.subscribe(subscriber, "t", {.qos = 2});
  const auto publisher = broker.client(publisher_id, lasting());
  broker.disconnect(subscriber);
  broker.received(publisher);
  const bool figure = GENERATE(false, true);
  std::string topic = figure ? "$SYS/u" : "u";  // the other shard stores what is retained there
  const std::uint32_t here = broker.shard_of(publisher);
  while (static_cast<std::uint32_t>(broker.shard(0).keeper_of(topic)) == here) topic += 'u';
  broker.disk_stalls = true;
  broker.publish(publisher, "t", "waits", {.qos = 2, .packet_id = 1});
  broker.publish(publisher, "t", "follows", {.qos = 1, .packet_id = 2, .retain = true});
  if (figure) {
    broker.shard(here).publish_sys(topic, "overtakes", true, broker.now);
    broker.settle();
  } else {
    broker.publish(publisher, topic, "overtakes", {.qos = 0, .retain = true});
  }
  CHECK(store_until(broker, publisher, "PUBACK m2"));
  CHECK(store.deliveries() == 2);
}

TEST_CASE("who confirms one message of a turn does not confirm those behind it", "[journal]") {
  MemoryStore store;
  Broker broker(3, store);
  const auto is_at = [&](const std::string& name, std::uint32_t shard) {
    return static_cast<std::uint32_t>(broker.shard(0).home_of(name)) == shard;
  };
  const auto client_at = [&](std::uint32_t shard) {
    std::string id = "client";
    while (!is_at(id, shard)) id += 'x';
    return broker.client(id, lasting());
  };
  std::string topic = "second";  // what is retained for it is not stored by the last shard
  while (static_cast<std::uint32_t>(broker.shard(0).keeper_of(topic)) == 2) topic += 'x';
  std::string group = "group";  // at home on the shard between
  while (!is_at(group + "/" + topic, 1)) group += 'x';
  const auto publisher = client_at(0);
  const auto between = client_at(1);
  broker.subscribe(between, "first", {.qos = 1});
  const auto member = client_at(2);
  broker.subscribe(member, "$share/" + group + "/" + topic, {.qos = 1});
  broker.subscribe(member, "on its way", {.qos = 2});
  broker.lose(member);
  broker.received(publisher);
  broker.disk_stalls = true;
  broker.publish(between, "on its way", "0", {.qos = 2, .packet_id = 9});
  broker.apart = true;
  broker.publish(publisher, "first", "1", {.qos = 1, .packet_id = 1});
  broker.publish(publisher, topic, "2", {.qos = 1, .packet_id = 2, .retain = true});
  broker.apart = false;
  broker.settle();
  CHECK(store_until(broker, publisher, "PUBACK m2"));
  CHECK(store.deliveries() == 3);
}

TEST_CASE("retained QoS 2 comes once to who subscribes while it is on its way", "[journal]") {
  MemoryStore store;
  std::string publisher_id;
  std::string subscriber_id;
  std::string topic = "t";  // what is retained for it is stored where the publisher is
  const test::PublishOptions once{.qos = 2, .packet_id = 2, .retain = true, .dup = true};
  {
    Broker broker(2, store);
    std::tie(publisher_id, subscriber_id) = far_apart(broker);
    while (broker.shard(0).keeper_of(topic) != broker.shard(0).home_of(publisher_id)) topic += 't';
    const auto publisher = broker.client(publisher_id, lasting());
    const auto subscriber = broker.client(subscriber_id, lasting());
    broker.received(publisher);
    broker.disk_stalls = true;
    broker.publish(publisher, topic, "before", {.qos = 1, .packet_id = 1, .retain = true});
    broker.apart = true;
    broker.publish(publisher, topic, "once", once);
    broker.subscribe(subscriber, topic, {.qos = 2});
    broker.apart = false;
    broker.settle();
    for (int i = 0; i < 2; ++i) broker.sync(1);
    CHECK(broker.received(publisher) == Packets{"PUBACK m1 10"});
    // The process ends here: the publisher sends again what nobody acknowledged.
  }
  Broker broker(2, store);
  const auto publisher = broker.client(publisher_id, lasting());
  broker.publish(publisher, topic, "once", once);
  Packets live;
  for (const std::string& packet : broker.publishes(broker.client(subscriber_id, lasting()))) {
    if (packet.find(" r0 ") != std::string::npos) live.push_back(packet);
  }
  CHECK(live.size() == 1);
}

TEST_CASE("figures of the broker reach every shard while the disk stalls", "[journal]") {
  MemoryStore store;
  Broker broker(2, store);
  const auto [publisher_id, subscriber_id] = far_apart(broker);
  const auto subscriber = broker.client(subscriber_id, lasting());
  broker.subscribe(subscriber, "t", {.qos = 2});
  std::string watcher_id = "watcher";
  while (broker.shard(0).home_of(watcher_id) != broker.shard(0).home_of(subscriber_id)) {
    watcher_id += 'x';
  }
  const auto watcher = broker.client(watcher_id);
  broker.subscribe(watcher, "$SYS/broker/store/failing", {.qos = 1});
  const auto publisher = broker.client(publisher_id, lasting());
  const std::uint32_t here = broker.shard_of(publisher);
  broker.received(watcher);
  broker.disk_stalls = true;
  broker.publish(publisher, "t", "waits", {.qos = 2, .packet_id = 1});
  for (const char* const figure : {"1", "0"}) {
    broker.shard(here).publish_sys("$SYS/broker/store/failing", figure, true, broker.now);
    broker.settle();
  }
  CHECK(broker.publishes(watcher) == Packets{"PUBLISH q1 r0 d0 m1 $SYS/broker/store/failing 1",
                                             "PUBLISH q1 r0 d0 m2 $SYS/broker/store/failing 0"});
}
