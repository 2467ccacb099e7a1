#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "test/broker/fixture.h"

// Rights of clients: for waiting messages, for wills, and in the log.

namespace {

using broker::Access;
using broker::Denial;
using test::Broker;
using test::lasting;
using test::MemoryStore;
using Packets = std::vector<std::string>;

/// Allows what begins with a prefix: to publish, and to receive.
class Below final : public broker::Permissions {
 public:
  Below(std::string writes, std::string reads)
      : writes_(std::move(writes)), reads_(std::move(reads)) {}
  [[nodiscard]] bool allows(Access access, std::string_view topic,
                            const broker::Identity& /*who*/) const override {
    if (access == Access::subscribe) return topic == "#" || topic.starts_with(reads_);
    return topic.starts_with(access == Access::publish ? writes_ : reads_);
  }
  [[nodiscard]] std::string decided_by(Access /*access*/, std::string_view /*topic*/,
                                       const broker::Identity& /*who*/) const override {
    return "by acl:7";
  }

 private:
  std::string writes_;
  std::string reads_;
};

std::shared_ptr<const broker::Permissions> reads(std::string prefix) {
  return std::make_shared<const Below>("", std::move(prefix));
}

/// Access rules that a reload changes for all clients.
class Rights final : public broker::Authority {
 public:
  [[nodiscard]] std::shared_ptr<const broker::Permissions> permissions_of(
      std::uint16_t /*listener*/, std::string_view /*user_name*/) const override {
    return now;
  }
  std::shared_ptr<const broker::Permissions> now;
};

broker::ListenerPolicy with_logins() {
  broker::ListenerPolicy policy = Broker::open_policy();
  policy.open_to_all = false;
  return policy;
}

test::ConnectOptions lasting_user(std::string_view name) {
  test::ConnectOptions options = lasting();
  options.user_name = name;
  return options;
}

/// Puts other rights in force for connected clients.
void reload(Broker& broker, Rights& rights, std::shared_ptr<const broker::Permissions> now,
            const broker::Limits& limits = {}) {
  broker.permissions = rights.now = std::move(now);
  broker::LoginChange change;
  change.access_changed = true;
  broker::Limits quiet = limits;
  quiet.sys_interval_seconds = 0;
  for (std::uint32_t i = 0; i < broker.shards(); ++i) {
    broker.shard(i).reconfigure({quiet, {with_logins()}}, broker.now);
    broker::LoginSweep walk;
    while (broker.shard(i).sweep({change}, walk, broker.now)) broker.settle();
  }
  broker.settle();
}

std::uint64_t denials(const Broker& broker, Denial kind) {
  return broker.metrics().denied[static_cast<std::size_t>(kind)];
}

/// A broker with a client "c" of ann, who may read all, and one that publishes.
struct Queued {
  explicit Queued(Broker& scene) : broker(scene) {
    first = broker.client("c", lasting_user("ann"));
    broker.received(first);
    publisher = broker.client("publisher");
  }
  void subscribe(std::string_view filter, unsigned qos) {
    broker.subscribe(first, filter, {.qos = qos});
    broker.received(first);
  }
  void publish(std::string_view topic, unsigned qos) {
    broker.publish(publisher, topic, topic, {.qos = qos, .packet_id = ++packet_id});
    if (qos == 2) broker.pubrel(publisher, packet_id);
  }
  /// The client id comes back, with another user's rights.
  Packets come_back(const std::string& prefix, std::string_view user = "bob") {
    broker.permissions = reads(prefix);
    back = broker.client("c", lasting_user(user));
    Packets packets = broker.received(back);
    REQUIRE_FALSE(packets.empty());
    packets.erase(packets.begin());  // CONNACK
    return packets;
  }

  Broker& broker;
  Broker::Client first = 0;
  Broker::Client publisher = 0;
  Broker::Client back = 0;
  unsigned packet_id = 0;
};

}  // namespace

TEST_CASE("what was queued reaches only who may read it when it leaves", "[rights]") {
  MemoryStore store;
  const auto shards = GENERATE(1U, 4U);
  const bool stored = GENERATE(false, true);
  const unsigned qos = GENERATE(0U, 1U, 2U);
  const std::string filter = GENERATE("#", "$share/g/#");
  CAPTURE(shards, stored, qos, filter);
  broker::Limits limits;
  limits.queue_qos0_messages = true;
  std::unique_ptr<Broker> broker =
      stored ? std::make_unique<Broker>(shards, store, limits, broker::Durability::commit,
                                        with_logins())
             : std::make_unique<Broker>(shards, limits, with_logins());
  Queued scene(*broker);
  scene.subscribe(filter, qos);
  broker->disconnect(scene.first);
  for (const auto* const topic : {"b/1", "a/2", "b/3", "a/4"}) scene.publish(topic, qos);
  const Packets packets = scene.come_back("a/");
  REQUIRE(packets.size() == 2);
  CHECK(packets[0].ends_with("a/2 a/2"));
  CHECK(packets[1].ends_with("a/4 a/4"));
  CHECK(denials(*broker, Denial::receive) == 2);
  CHECK(
      broker->log.contains("Denied delivery to c [10.0.0.1:4711] with user 'bob' of 'b/1': by "
                           "acl:7"));
  if (!stored || qos == 0) return;
  CHECK(store.deliveries() == 2);
  CHECK(store.faults().empty());
}

TEST_CASE("restored sessions are asked about as well", "[rights]") {
  MemoryStore store;
  const auto shards = GENERATE(1U, 4U);
  {
    Broker broker(shards, store, {}, broker::Durability::commit, with_logins());
    Queued scene(broker);
    scene.subscribe("#", 1);
    scene.publish("b/sent", 1);
    CHECK(broker.publishes(scene.first).size() == 1);
    broker.lose(scene.first);
    scene.publish("b/queued", 1);
    scene.publish("a/queued", 1);
  }
  Broker broker(shards, store, {}, broker::Durability::commit, with_logins());
  broker.permissions = reads("a/");
  const auto back = broker.client("c", lasting_user("bob"));
  const Packets packets = broker.publishes(back);
  REQUIRE(packets.size() == 1);
  CHECK(packets[0].ends_with("a/queued a/queued"));
  CHECK(store.deliveries() == 1);
  CHECK(store.faults().empty());
}

TEST_CASE("what was sent and not acknowledged is not sent again to who may not read it",
          "[rights]") {
  Broker broker(GENERATE(1U, 4U), {}, with_logins());
  Queued scene(broker);
  scene.subscribe("#", 1);
  scene.publish("b/1", 1);
  scene.publish("a/2", 1);
  CHECK(broker.publishes(scene.first).size() == 2);
  // Or the other user takes the session over from a client that is connected.
  if (GENERATE(true, false)) broker.lose(scene.first);
  CHECK(scene.come_back("a/") == Packets{"PUBLISH q1 r0 d1 m2 a/2 a/2"});
}

// The client may hold the identifier, and would take a later message for a repeat.
TEST_CASE("an identifier of QoS 2 is released though its message is withheld", "[rights]") {
  MemoryStore store;
  broker::Limits limits;
  limits.max_inflight_messages = 1;
  const bool received = GENERATE(false, true);
  CAPTURE(received);
  Broker broker(GENERATE(1U, 4U), store, limits, broker::Durability::commit, with_logins());
  Queued scene(broker);
  scene.subscribe("#", 2);
  scene.publish("b/1", 2);
  CHECK(broker.publishes(scene.first) == Packets{"PUBLISH q2 r0 d0 m1 b/1 b/1"});
  if (received) {
    broker.pubrec(scene.first, 1);
    CHECK(broker.received(scene.first) == Packets{"PUBREL m1"});
  }
  broker.lose(scene.first);
  scene.publish("a/2", 2);
  CHECK(scene.come_back("a/") == Packets{"PUBREL m1"});
  CHECK(denials(broker, Denial::receive) == (received ? 0 : 1));
  broker.pubcomp(scene.back, 1);
  CHECK(broker.received(scene.back) == Packets{"PUBLISH q2 r0 d0 m2 a/2 a/2"});
  CHECK(broker.take_all(scene.back).empty());
  broker.pubrec(scene.back, 2);
  broker.pubcomp(scene.back, 2);
  CHECK(store.deliveries() == 0);
  CHECK(store.faults().empty());
}

TEST_CASE("rights that a reload takes away do not hold for what waits", "[rights]") {
  Rights rights;
  rights.now = reads("");
  broker::Limits limits;
  limits.max_inflight_messages = 1;
  limits.sys_interval_seconds = 0;
  Broker broker(GENERATE(1U, 4U), limits, with_logins(), &rights);
  broker.permissions = rights.now;
  Queued scene(broker);
  SECTION("for a place in the window") {
    scene.subscribe("#", 1);
    for (const auto* const topic : {"b/1", "b/2", "a/3"}) scene.publish(topic, 1);
    CHECK(broker.publishes(scene.first).size() == 1);
    reload(broker, rights, reads("a/"), limits);
    broker.puback(scene.first, 1);
    CHECK(broker.received(scene.first) == Packets{"PUBLISH q1 r0 d0 m3 a/3 a/3"});
  }
  SECTION("for the socket") {
    scene.subscribe("#", 0);
    broker.set_queued(scene.first, 1'000'000);
    for (const auto* const topic : {"b/1", "b/2", "a/3"}) scene.publish(topic, 0);
    CHECK(broker.publishes(scene.first).empty());
    reload(broker, rights, reads("a/"), limits);
    broker.set_queued(scene.first, 0);
    CHECK(broker.received(scene.first) == Packets{"PUBLISH q0 r0 d0 m0 a/3 a/3"});
  }
  SECTION("while its client is away") {
    scene.subscribe("#", 1);
    broker.disconnect(scene.first);
    for (const auto* const topic : {"b/1", "b/2", "a/3"}) scene.publish(topic, 1);
    reload(broker, rights, reads("a/"), limits);
    const auto back = broker.client("c", lasting_user("ann"));
    CHECK(broker.publishes(back) == Packets{"PUBLISH q1 r0 d0 m3 a/3 a/3"});
  }
}

TEST_CASE("clients may not publish where the broker does, by PUBLISH or by a will", "[rights]") {
  const bool by_will = GENERATE(false, true);
  const auto* const topic =
      GENERATE("$SYS/broker/certificate/8883/expires", "$SYS", "$SYSTEM/x", "$share/g/x",
               "$SYS/broker/connection/edge/state/x", "$SYS/broker/connection/state");
  CAPTURE(by_will, topic);
  Broker broker(GENERATE(1U, 4U));
  const auto watcher = broker.client("watcher");
  for (const auto* const filter : {"$SYS/#", "$SYSTEM/#"}) broker.subscribe(watcher, filter);
  broker.received(watcher);
  if (by_will) {
    test::ConnectOptions options;
    options.will_topic = topic;
    options.will_retain = true;
    broker.lose(broker.client("forger", options));
  } else {
    const auto forger = broker.client("forger");
    broker.received(forger);
    broker.publish(forger, topic, "forged", {.qos = 1, .retain = true});
    CHECK(broker.received(forger) == Packets{"PUBACK m1 87"});
  }
  CHECK(broker.publishes(watcher).empty());
  CHECK(broker.metrics().retained_messages == 0);
  CHECK(denials(broker, by_will ? Denial::will : Denial::publish) == 1);
  CHECK(broker.log.contains(std::string(by_will ? "Denied will" : "Denied PUBLISH") +
                            " from forger [10.0.0.1"));
  CHECK(broker.log.contains("clients may not publish there"));
}

// Retained as well: later subscribers ask for the state of a bridge.
TEST_CASE("a bridge says in $SYS whether it is connected", "[rights]") {
  const bool by_will = GENERATE(false, true);
  Broker broker(GENERATE(1U, 4U));
  const auto watcher = broker.client("watcher");
  broker.subscribe(watcher, "$SYS/broker/connection/+/state", {.qos = 1});
  broker.received(watcher);
  test::ConnectOptions options;
  const std::string topic = "$SYS/broker/connection/edge/state";
  if (by_will) {
    options.will_topic = topic;
    options.will_payload = "0";
    options.will_retain = true;
    options.will_qos = 1;
  }
  const auto bridge = broker.client("bridge", options);
  broker.received(bridge);
  if (by_will) {
    broker.lose(bridge);
  } else {
    broker.publish(bridge, topic, "0", {.qos = 1, .retain = true});
    CHECK(broker.received(bridge) == Packets{"PUBACK m1"});
  }
  CHECK(broker.publishes(watcher) == Packets{"PUBLISH q1 r0 d0 m1 " + topic + " 0"});
  CHECK(broker.metrics().retained_messages == 1);
}

TEST_CASE("the rights of its user hold for the state of a bridge", "[rights]") {
  Broker broker(1, {}, with_logins());
  broker.permissions = std::make_shared<const Below>("a/", "");
  const auto bridge = broker.client("bridge");
  broker.received(bridge);
  broker.publish(bridge, "$SYS/broker/connection/edge/state", "1", {.qos = 1});
  CHECK(broker.received(bridge) == Packets{"PUBACK m1 87"});
}

TEST_CASE("a will to $CONTROL is closed without an answer, as Mosquitto does", "[rights]") {
  Broker broker(GENERATE(1U, 4U));
  test::ConnectOptions options;
  options.version = GENERATE(mqtt::Version::v3_1_1, mqtt::Version::v5_0);
  options.will_topic = "$CONTROL/dynamic-security/v1";
  const auto client = broker.client("c", options);
  CHECK(broker.received(client).empty());
  CHECK(broker.closed(client));
  CHECK(denials(broker, Denial::will) == 1);
  CHECK(broker.log.contains("its will goes to $CONTROL"));
}

TEST_CASE("a will is judged by the rights of when it is due, after a restart too", "[rights]") {
  MemoryStore store;
  test::ConnectOptions options = lasting_user("ann");
  options.will_topic = "b/will";
  options.will_delay_seconds = 10;
  {
    Broker broker(1, store, {}, broker::Durability::commit, with_logins());
    broker.lose(broker.client("c", options));
  }
  Broker broker(1, store, {}, broker::Durability::commit, with_logins());
  const auto watcher = broker.client("watcher");
  broker.subscribe(watcher, "#");
  broker.received(watcher);
  broker.permissions = std::make_shared<const Below>("a/", "");
  broker.lose(broker.client("c", options));
  broker.pass_milliseconds(11'000);
  CHECK(broker.publishes(watcher).empty());
  CHECK(denials(broker, Denial::will) == 1);
  CHECK(
      broker.log.contains("Denied will from c [10.0.0.1] with user 'ann' to 'b/will': by acl:7."));
}

TEST_CASE("a filter of which nothing may be read is granted, and brings what a reload allows",
          "[rights]") {
  Rights rights;
  rights.now = reads("a/");
  broker::Limits limits;
  limits.acl_refuse_subscribe = GENERATE(false, true);
  const bool refuses = limits.acl_refuse_subscribe;
  CAPTURE(refuses);
  Broker broker(GENERATE(1U, 4U), limits, with_logins(), &rights);
  broker.permissions = rights.now;
  Queued scene(broker);
  broker.publish(scene.publisher, "b/kept", "retained", {.qos = 1, .retain = true});
  broker.subscribe(scene.first, "b/#", {.qos = 1});
  CHECK(broker.received(scene.first) == Packets{refuses ? "SUBACK m10 87" : "SUBACK m10 01"});
  CHECK(denials(broker, Denial::subscribe) == 1);
  CHECK(broker.log.contains(
      "Denied SUBSCRIBE from c [10.0.0.1:4711] with user 'ann' to 'b/#'" +
      std::string(refuses ? ": by acl:7." : " (granted, but nothing will come): by acl:7.")));
  scene.publish("b/1", 1);
  CHECK(broker.received(scene.first).empty());
  // One retained message, and one that came.
  CHECK(denials(broker, Denial::receive) == (refuses ? 0 : 2));
  reload(broker, rights, reads(""), limits);
  scene.publish("b/2", 1);
  CHECK(broker.publishes(scene.first).size() == (refuses ? 0 : 1));
}

TEST_CASE("lines about denials come at a bounded rate, and all are counted", "[rights]") {
  Rights rights;
  rights.now = std::make_shared<const Below>("a/", "a/");
  Broker broker(1, {}, with_logins(), &rights);
  broker.permissions = rights.now;
  Queued scene(broker);
  scene.subscribe("#", 0);
  broker.log.lines.clear();
  const auto lines = [&](std::string_view begin) {
    return std::ranges::count_if(broker.log.lines,
                                 [&](const std::string& line) { return line.starts_with(begin); });
  };
  constexpr unsigned count = 300;
  for (unsigned i = 0; i < count; ++i) scene.publish("b/x", 0);
  CHECK(lines("Denied PUBLISH") == 1);
  CHECK(denials(broker, Denial::publish) == count);
  broker.pass_milliseconds(1100);
  CHECK(broker.log.contains("Denied PUBLISH 299 more times."));

  // An hour passes before a client's deliveries are news again, unless rights change.
  broker.permissions = nullptr;
  const auto free = broker.client("free");
  const auto deny_many = [&] {
    for (unsigned i = 0; i < count; ++i) broker.publish(free, "b/x", "x");
    broker.pass_milliseconds(1100);
  };
  deny_many();
  deny_many();
  CHECK(lines("Denied delivery to c") == 1);
  CHECK(denials(broker, Denial::receive) == 2 * count);
  reload(broker, rights, std::make_shared<const Below>("", "a/"));
  deny_many();
  CHECK(lines("Denied delivery to c") == 2);
}

TEST_CASE("what a client wrote stands in a line no longer than 200 bytes", "[rights]") {
  Broker broker(1, {}, with_logins());
  broker.permissions = std::make_shared<const Below>("a/", "");
  const auto client = broker.client(std::string(60'000, 'i'), lasting_user(std::string(999, 'u')));
  broker.log.lines.clear();
  broker.publish(client, std::string(60'000, 't'), "x");
  REQUIRE(broker.log.lines.size() == 1);
  CHECK(broker.log.lines[0].size() < 1000);
}
