#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/core/sender.h"
#include "test/broker/fixture.h"

// More than can be kept: the disk is behind, or memory is short.

namespace {

using broker::DropReason;
using test::Broker;
using test::MemoryStore;
using Strings = std::vector<std::string>;

const std::string pingreq = test::pingreq();

test::ConnectOptions lasting(mqtt::Version version = mqtt::Version::v5_0) {
  test::ConnectOptions options;
  options.version = version;
  options.clean = false;
  options.keep_alive_seconds = 10;
  if (version == mqtt::Version::v5_0) {
    options.session_expiry_seconds = 0xFFFF'FFFF;
  }
  return options;
}

/// Somebody away for whom everything has to be stored, and a publisher.
struct Scene {
  explicit Scene(broker::Limits limits = small(), std::uint32_t shards = 1,
                 broker::Durability durability = broker::Durability::commit)
      : broker(shards, store, limits, durability) {
    const auto away = broker.client("away", lasting());
    broker.subscribe(away, "t", {.qos = 1});
    broker.lose(away);
    publisher = broker.client("publisher", lasting(mqtt::Version::v3_1_1));
    broker.received(publisher);
    broker.disk_stalls = true;
  }
  static broker::Limits small() {
    broker::Limits limits;
    limits.max_queued_messages = 0;
    limits.max_uncommitted_bytes = 100'000;
    return limits;
  }
  void publish(unsigned id, std::size_t size_bytes = 10'000) {
    broker.publish(publisher, "t", std::string(size_bytes, 'x'), {.qos = 1, .packet_id = id});
  }
  std::uint64_t published() const {
    std::uint64_t sum = 0;
    for (std::uint32_t i = 0; i < shards_; ++i)
      sum += broker::sum_over(broker_metrics(i).publish_received);
    return sum;
  }
  broker::Metrics broker_metrics(std::uint32_t shard) const {
    return const_cast<Broker&>(broker).shard(shard).metrics();
  }

  MemoryStore store;
  Broker broker;
  Broker::Client publisher;
  std::uint32_t shards_ = 1;
};

}  // namespace

TEST_CASE("publishes wait while more waits for the disk than should", "[pressure]") {
  Scene scene;
  for (unsigned id = 1; id <= 14; ++id) scene.publish(id);
  // Each is charged with 10,001 bytes and some for its PUBACK: the tenth was the last to be taken.
  CHECK(scene.published() == 10);
  CHECK(scene.broker.reads(scene.publisher));
  scene.broker.send(scene.publisher, pingreq);
  CHECK(scene.broker.received(scene.publisher) == Strings{"PINGRESP"});
  for (unsigned id = 15; id <= 17; ++id) scene.publish(id);
  CHECK_FALSE(scene.broker.reads(scene.publisher));
  CHECK(scene.published() == 10);

  scene.broker.disk_stalls = false;
  scene.broker.sync();
  scene.broker.sync();
  CHECK(scene.broker.reads(scene.publisher));
  const Strings answers = scene.broker.received(scene.publisher);
  REQUIRE(answers.size() == 17);
  for (unsigned id = 1; id <= 17; ++id) CHECK(answers[id - 1] == "PUBACK m" + std::to_string(id));
  CHECK(scene.store.deliveries() == 17);
}

TEST_CASE("QoS 0, acknowledgements and pings go on while the disk is behind", "[pressure]") {
  Scene scene;
  const auto subscriber = scene.broker.client("subscriber");
  scene.broker.subscribe(subscriber, "live", {.qos = 0});
  scene.broker.received(subscriber);
  for (unsigned id = 1; id <= 12; ++id) scene.publish(id);
  scene.broker.publish(scene.publisher, "live", "on");
  CHECK(scene.broker.publishes(subscriber) == Strings{"PUBLISH q0 r0 d0 m0 live on"});
  // What is retained lasts, so it waits; and SUBSCRIBE stays behind what came before it.
  scene.broker.publish(scene.publisher, "live", "kept", {.retain = true});
  scene.broker.subscribe(scene.publisher, "other", {.qos = 1});
  CHECK(scene.broker.publishes(subscriber).empty());
  CHECK(scene.broker.received(scene.publisher).empty());
  scene.broker.disk_stalls = false;
  scene.broker.sync();
  scene.broker.sync();
  CHECK(scene.broker.publishes(subscriber) == Strings{"PUBLISH q0 r0 d0 m0 live kept"});
  CHECK(scene.broker.received(scene.publisher).back() == "SUBACK m10 01");
}

TEST_CASE("nobody is late while nobody listens", "[pressure]") {
  Scene scene;
  for (unsigned id = 1; id <= 20; ++id) scene.publish(id);
  REQUIRE_FALSE(scene.broker.reads(scene.publisher));
  scene.broker.pass_milliseconds(60'000);
  CHECK_FALSE(scene.broker.closed(scene.publisher));
  scene.broker.disk_stalls = false;
  scene.broker.sync();
  scene.broker.sync();
  REQUIRE(scene.broker.reads(scene.publisher));
  scene.broker.pass_milliseconds(14'000);
  CHECK_FALSE(scene.broker.closed(scene.publisher));
  scene.broker.pass_milliseconds(2000);
  CHECK(scene.broker.closed(scene.publisher));
}

TEST_CASE("nobody is late while the loop reads nothing at all", "[pressure]") {
  Broker broker;
  const auto client = broker.client("c", lasting());
  broker.shard(0).reads(false, broker.now);
  broker.pass_milliseconds(60'000);
  CHECK_FALSE(broker.closed(client));
  broker.shard(0).reads(true, broker.now);
  broker.pass_milliseconds(14'000);
  CHECK_FALSE(broker.closed(client));
  broker.pass_milliseconds(2000);
  CHECK(broker.closed(client));
}

TEST_CASE("nobody is late when time has jumped", "[pressure]") {
  Broker broker;
  const auto client = broker.client("c", lasting());
  broker.now = broker::after_seconds(broker.now, 60);
  broker.pass_milliseconds(200);
  CHECK_FALSE(broker.closed(client));
  broker.pass_milliseconds(16'000);
  CHECK(broker.closed(client));
}

TEST_CASE("DISCONNECT and a lost connection end what waits", "[pressure]") {
  Scene scene;
  for (unsigned id = 1; id <= 20; ++id) scene.publish(id);
  if (GENERATE(true, false)) {
    scene.broker.disconnect(scene.publisher);
  } else {
    scene.broker.lose(scene.publisher);
  }
  scene.broker.disk_stalls = false;
  scene.broker.sync();
  scene.broker.sync();
  CHECK(scene.published() == 10);
  // Another is not held up by what is gone.
  const auto other = scene.broker.client("other");
  scene.broker.received(other);
  scene.broker.publish(other, "t", "x", {.qos = 1});
  CHECK(scene.broker.received(other) == Strings{"PUBACK m1"});
}

TEST_CASE("what waits at another shard is felt by the publisher", "[pressure]") {
  Scene scene(Scene::small(), 4);
  scene.shards_ = 4;
  for (unsigned id = 1; id <= 30; ++id) scene.publish(id);
  CHECK(scene.published() < 15);
  scene.broker.disk_stalls = false;
  for (int i = 0; i < 20; ++i) scene.broker.sync();
  CHECK(scene.published() == 30);
  CHECK(scene.broker.received(scene.publisher).size() == 30);
}

TEST_CASE("subscribing and unsubscribing does not pile up while the disk is stuck", "[pressure]") {
  Scene scene;
  for (int i = 0; i < 5000; ++i) {
    scene.broker.subscribe(scene.publisher, "a/b/c/d/e/f/" + std::to_string(i), {.qos = 1});
    scene.broker.unsubscribe(scene.publisher, "a/b/c/d/e/f/" + std::to_string(i));
    if (!scene.broker.reads(scene.publisher)) break;
  }
  CHECK_FALSE(scene.broker.reads(scene.publisher));
}

TEST_CASE("memory_limit: 5.0 is told, older clients wait, QoS 0 is not kept", "[pressure]") {
  const auto qos = GENERATE(1U, 2U);
  broker::Limits limits;
  limits.queue_qos0_messages = true;
  Broker broker(GENERATE(1U, 3U), limits);
  const auto away = broker.client("away", lasting());
  broker.subscribe(away, "t", {.qos = 2});
  broker.lose(away);
  const auto subscriber = broker.client("subscriber");
  broker.subscribe(subscriber, "t", {.qos = 0});
  const auto newer = broker.client("newer", lasting());
  const auto older = broker.client("older", lasting(mqtt::Version::v3_1_1));
  for (const auto each : {subscriber, newer, older}) broker.received(each);
  const std::string answer = qos == 1 ? "PUBACK m" : "PUBREC m";

  broker.publish(newer, "t", "before", {.qos = qos, .packet_id = 7});
  CHECK(broker.received(newer) == Strings{answer + "7"});
  broker.set_headroom(0);
  broker.pass_milliseconds(100);
  broker.received(subscriber);

  broker.publish(newer, "t", "refused", {.qos = qos, .packet_id = 1});
  CHECK(broker.received(newer) == Strings{answer + "1 97"});
  if (qos == 2) {
    // What was accepted before is not refused now [MQTT-4.3.3-10].
    broker.publish(newer, "t", "before", {.qos = qos, .packet_id = 7, .dup = true});
    CHECK(broker.received(newer) == Strings{"PUBREC m7"});
  }
  broker.publish(older, "t", "waits", {.qos = qos, .packet_id = 2});
  broker.send(older, pingreq);
  CHECK(broker.received(older) == Strings{"PINGRESP"});
  broker.publish(newer, "t", "live");  // to who is there; not kept for who is away
  CHECK(broker.publishes(subscriber) == Strings{"PUBLISH q0 r0 d0 m0 t live"});
  broker.publish(newer, "t", "kept", {.retain = true});
  CHECK(broker.publishes(subscriber).empty());
  CHECK(broker.metrics().dropped[static_cast<std::size_t>(DropReason::memory_limit)] == 2);

  broker.set_headroom(1'000'000'000);
  broker.pass_milliseconds(100);
  CHECK(broker.received(older) == Strings{answer + "2"});
  broker.publish(newer, "t", "after", {.qos = qos, .packet_id = 3});
  CHECK(broker.received(newer) == Strings{answer + "3"});
  const auto back = broker.client("away", lasting());
  CHECK(broker.take_all(back) == Strings{"before", "waits", "after"});
}

TEST_CASE("memory_limit: new clients are refused, and those who have a session come back",
          "[pressure]") {
  Broker broker;
  const auto away = broker.client("away", lasting());
  broker.lose(away);
  broker.set_headroom(0);
  broker.pass_milliseconds(100);
  const auto newer = broker.client("newer");
  CHECK(broker.received(newer).front().starts_with("CONNACK 0 89"));
  CHECK(broker.closed(newer));
  test::ConnectOptions old;
  old.version = GENERATE(mqtt::Version::v3_1, mqtt::Version::v3_1_1);
  const auto older = broker.client("older", old);
  CHECK(broker.received(older) == Strings{"CONNACK 0 03"});
  CHECK(broker.closed(older));
  const auto back = broker.client("away", lasting());
  CHECK(broker.received(back).front().starts_with("CONNACK 1 00"));
}

TEST_CASE("memory_limit: what is retained can be removed", "[pressure]") {
  Broker broker;
  const auto client = broker.client("c", lasting());
  broker.publish(client, "t", "kept", {.qos = 1, .retain = true});
  broker.set_headroom(0);
  broker.pass_milliseconds(100);
  broker.publish(client, "t", "", {.qos = GENERATE(0U, 1U), .retain = true});
  CHECK(broker.metrics().retained_messages == 0);
}

TEST_CASE("memory_limit: shards count what they keep between two measurements", "[pressure]") {
  broker::Limits limits;
  limits.max_queued_messages = 0;
  Broker broker(1, limits);
  const auto away = broker.client("away", lasting());
  broker.subscribe(away, "t", {.qos = 1});
  broker.lose(away);
  const auto client = broker.client("c", lasting());
  broker.received(client);
  // Taken off in steps of 65,536 bytes, which each of these exceeds.
  const std::string payload(65'535, 'x');
  const int headroom = GENERATE(131'071, 131'072, 132'072);
  broker.set_headroom(headroom);
  broker.pass_milliseconds(100);
  broker.publish(client, "t", payload, {.qos = 1, .packet_id = 1});
  broker.publish(client, "t", payload, {.qos = 1, .packet_id = 2});
  CHECK(broker.received(client) == Strings{"PUBACK m1", "PUBACK m2"});
  broker.publish(client, "t", "x", {.qos = 1, .packet_id = 3});
  CHECK(broker.received(client) == Strings{headroom > 131'072 ? "PUBACK m3" : "PUBACK m3 97"});
  // What was kept is in the next measurement.
  broker.set_headroom(100);
  broker.pass_milliseconds(100);
  broker.publish(client, "t", "x", {.qos = 1, .packet_id = 4});
  CHECK(broker.received(client) == Strings{"PUBACK m4"});
  broker.set_headroom(0);
  broker.publish(client, "t", "x", {.qos = 1, .packet_id = 5});
  CHECK(broker.received(client) == Strings{"PUBACK m5 97"});
}

TEST_CASE("memory_limit: what a short message costs counts, at every shard that keeps it",
          "[pressure]") {
  broker::Limits limits;
  limits.max_queued_messages = 0;
  const bool elsewhere = GENERATE(false, true);
  Broker broker(2, limits);
  const auto home_of = [&](const std::string& id) { return broker.shard(0).home_of(id); };
  std::string id = "away";
  while ((home_of(id) == home_of("publisher")) == elsewhere) id += 'x';
  const auto away = broker.client(id, lasting());
  broker.subscribe(away, "t", {.qos = 1});
  broker.lose(away);
  const auto publisher = broker.client("publisher", lasting());
  broker.received(publisher);
  broker.set_headroom(1'000'000);
  broker.pass_milliseconds(100);
  // Two bytes each, and about seventy with what holds them.
  std::size_t accepted = 0;
  while (accepted < 20'000) {
    broker.publish(publisher, "t", "x", {.qos = 1, .packet_id = 1});
    if (broker.received(publisher) != Strings{"PUBACK m1"}) break;
    ++accepted;
  }
  CHECK(accepted > 4'000);
  CHECK(accepted < 16'000);
}

TEST_CASE("memory_limit: what a socket does not take counts", "[pressure]") {
  Broker broker;
  const auto slow = broker.client("slow");
  const auto publisher = broker.client("publisher", lasting());
  broker.received(publisher);
  broker.set_headroom(1'000'000);
  broker.pass_milliseconds(100);
  for (const std::size_t bytes : {400'000U, 300'000U, 500'000U}) {
    broker.set_queued(slow, bytes);
  }
  broker.publish(publisher, "t", "x", {.qos = 1, .packet_id = 1, .retain = true});
  CHECK(broker.received(publisher) != Strings{"PUBACK m1 97"});
  broker.set_queued(slow, 1'000'000);
  broker.publish(publisher, "t", "y", {.qos = 1, .packet_id = 2, .retain = true});
  CHECK(broker.received(publisher) == Strings{"PUBACK m2 97"});
}

TEST_CASE("a subscriber that does not read never stops its shard", "[pressure]") {
  broker::Limits limits;
  limits.max_queued_messages = 10;
  Broker broker(2, limits);
  const auto name_at = [&](std::uint32_t shard, std::string name) {
    while (static_cast<std::uint32_t>(broker.shard(0).home_of(name)) != shard) name += 'x';
    return name;
  };
  const auto stuck = broker.client(name_at(0, "stuck"));
  broker.subscribe(stuck, "t");
  const auto other = broker.client(name_at(0, "other"));
  const auto publisher = broker.client(name_at(1, "publisher"));
  (void)broker.received(other);
  broker.set_queued(stuck, std::size_t{4} << 20U);
  // More than an outbox takes at a time, and nothing of it can be written.
  const std::string payload(broker::PublishWriter::splice_bytes_min, 'x');
  const std::size_t count = (std::size_t{40} << 20U) / payload.size();
  for (std::size_t i = 0; i < count; ++i) broker.publish(publisher, "t", payload);
  broker.send(other, pingreq);
  CHECK(broker.received(other) == Strings{"PINGRESP"});
}
