#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "test/broker/fixture.h"

// Features that each have tests of their own, two at a time. Bans and reload are in
// shard_reload_test.cpp, rate delay and packets that are put aside in shard_rate_test.cpp.

namespace {

using broker::LoginRequest;
using mqtt::Reason;
using test::Broker;
using test::MemoryStore;
using Strings = std::vector<std::string>;

test::ConnectOptions user(std::string_view name, std::string_view password = {}) {
  test::ConnectOptions options;
  options.user_name = name;
  if (!password.empty()) options.password = password;
  return options;
}

broker::ListenerPolicy asks_for_logins() {
  broker::ListenerPolicy policy = Broker::open_policy();
  policy.open_to_all = false;
  return policy;
}

void reload(Broker& broker, std::uint32_t shard, const broker::ListenerPolicy& policy) {
  broker.shard(shard).reconfigure({{}, {policy}}, broker.now);
}

/// A client id at home on a shard.
std::string id_at(Broker& broker, std::uint32_t shard) {
  std::string id = "c";
  while (broker.shard(0).home_of(id) != broker::ShardIndex{shard}) id += 'c';
  return id;
}

}  // namespace

// Moves home, and reload.

TEST_CASE("a CONNECT on its way home is judged by the rules that hold where it arrives",
          "[pairs]") {
  const bool refused = GENERATE(false, true);
  Broker broker(2);
  const auto hearer = broker.client("hearer");
  broker.subscribe(hearer, "t");
  broker.received(hearer);
  broker.open();  // the next one is on shard 0
  const std::string id = id_at(broker, 1);
  const auto client = broker.open();
  REQUIRE(broker.shard_of(client) == 0);
  broker.feed_once(client, test::connect(id, user("ann")) + test::publish("t", "behind it"));
  if (refused) broker.verdicts["ann"] = Reason::not_authorized;
  reload(broker, 1, asks_for_logins());
  broker.settle();  // shard 0 has its reload later
  reload(broker, 0, asks_for_logins());
  CHECK(broker.shard_of(client) == 1);
  const Strings answer = broker.received(client);
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].starts_with(refused ? "CONNACK 0 87" : "CONNACK 0 00"));
  CHECK(broker.closed(client) == refused);
  CHECK(broker.publishes(hearer).size() == (refused ? 0 : 1));
}

TEST_CASE("a client that came home before the reload goes with the others of its kind", "[pairs]") {
  Broker broker(2);
  broker.open();
  broker.open();
  const auto client = broker.open();
  REQUIRE(broker.shard_of(client) == 0);
  broker.feed_once(client, test::connect(id_at(broker, 1), user("ann")));
  reload(broker, 0, asks_for_logins());
  broker.settle();  // shard 1 believes users still
  CHECK(broker.received(client).front().starts_with("CONNACK 0 00"));
  reload(broker, 1, asks_for_logins());
  broker::LoginChange change;
  change.unchecked_refused = true;
  broker::LoginSweep sweep;
  CHECK_FALSE(broker.shard(1).sweep({change}, sweep, broker.now));
  broker.settle();
  CHECK(broker.received(client) == Strings{"DISCONNECT 98"});
  CHECK(broker.closed(client));
}

// Takeover, and logins under way.

namespace {

/// A broker that asks for logins, and leaves the answers to the test.
struct Deciding {
  Deciding() : broker(1, {}, asks_for_logins()) {}

  /// Sends a CONNECT of "c" with a session that lasts. Its login is in `asked`.
  Broker::Client connects() {
    const auto client = broker.open();
    test::ConnectOptions options = test::lasting();
    options.user_name = "ann";
    options.password = "secret";
    broker.feed_once(client, test::connect("c", options));
    for (LoginRequest& request : broker.shard(0).outbox().take_logins()) {
      asked.push_back(std::move(request));
    }
    return client;
  }
  bool decide(std::size_t which, Reason reason = Reason::success) {
    const bool counts = broker.shard(0).decided(asked[which].connection,
                                                {reason, nullptr, "it says so"}, broker.now);
    broker.settle();
    return counts;
  }
  Strings received(Broker::Client client) { return broker.received(client); }

  Broker broker;
  std::vector<LoginRequest> asked;
};

}  // namespace

TEST_CASE("a login under way takes nothing over before it is accepted", "[pairs]") {
  Deciding scene;
  const auto first = scene.connects();
  CHECK(scene.decide(0));
  CHECK(scene.received(first).front().starts_with("CONNACK 0 00"));
  const auto second = scene.connects();
  CHECK_FALSE(scene.broker.closed(first));
  scene.broker.subscribe(first, "t", {.qos = 1});
  CHECK(scene.received(first) == Strings{"SUBACK m10 01"});
  const bool refused = GENERATE(false, true);
  CHECK(scene.decide(1, refused ? Reason::not_authorized : Reason::success));
  CHECK(scene.broker.closed(first) == !refused);
  CHECK(scene.broker.closed(second) == refused);
  if (refused) {
    CHECK(scene.received(first).empty());
    scene.broker.publish(first, "t", "still there");
    CHECK(scene.broker.publishes(first).size() == 1);
  } else {
    CHECK(scene.received(first) == Strings{"DISCONNECT 8E"});
    CHECK(scene.received(second).front().starts_with("CONNACK 1 00"));
    scene.broker.publish(second, "t", "its subscription is there");
    CHECK(scene.broker.publishes(second).size() == 1);
  }
}

TEST_CASE("of logins of one client id the one that is accepted last has the session", "[pairs]") {
  Deciding scene;
  const auto slow = scene.connects();
  const auto fast = scene.connects();
  CHECK(scene.decide(1));
  CHECK(scene.received(fast).front().starts_with("CONNACK 0 00"));
  CHECK(scene.decide(0));
  CHECK(scene.received(fast) == Strings{"DISCONNECT 8E"});
  CHECK(scene.received(slow).front().starts_with("CONNACK 1 00"));
  CHECK(scene.broker.metrics().clients_connected == 1);
}

TEST_CASE("a verdict on a client that has gone takes nothing over", "[pairs]") {
  Deciding scene;
  const auto first = scene.connects();
  CHECK(scene.decide(0));
  const auto second = scene.connects();
  scene.broker.lose(second);
  CHECK(scene.decide(1));
  CHECK_FALSE(scene.broker.closed(first));
  CHECK(scene.broker.metrics().clients_connected == 1);
}

TEST_CASE("a session that ends while a login waits is a new one for it", "[pairs]") {
  Deciding scene;
  const auto first = scene.connects();
  CHECK(scene.decide(0));
  const auto second = scene.connects();
  scene.broker.disconnect(first, {.session_expiry_interval_seconds = 0});  // its session ends
  CHECK(scene.decide(1));
  CHECK(scene.received(second).front().starts_with("CONNACK 0 00"));
}

// memory_limit, and shared subscriptions.

namespace {

/// Members of one group, and a publisher, all with sessions that last.
struct Group {
  explicit Group(std::uint32_t shards) : broker(shards) {
    for (const auto* id : {"one", "two"}) {
      members.push_back(broker.client(id, test::lasting()));
      broker.subscribe(members.back(), "$share/g/t", {.qos = 1});
    }
    publisher = broker.client("publisher", test::lasting());
    take();
  }
  void take() {
    for (const auto member : members) broker.received(member);
    broker.received(publisher);
  }
  void set_headroom(std::int64_t bytes) {
    broker.set_headroom(bytes);
    broker.pass_milliseconds(100);
  }
  void publish(unsigned id, std::string_view payload) {
    broker.publish(publisher, "t", payload, {.qos = id == 0 ? 0U : 1U, .packet_id = id});
  }

  Broker broker;
  std::vector<Broker::Client> members;
  Broker::Client publisher = 0;
};

}  // namespace

TEST_CASE("without memory a group gets no message that its publisher was not told is taken",
          "[pairs]") {
  Group group(GENERATE(1U, 3U));
  for (const auto member : group.members) group.broker.lose(member);
  group.publish(1, "kept");
  group.set_headroom(0);
  group.publish(2, "refused");
  CHECK(group.broker.received(group.publisher) == Strings{"PUBACK m1", "PUBACK m2 97"});
  group.publish(0, "nobody is there");  // and QoS 0 waits for nobody
  group.set_headroom(1'000'000'000);
  Strings all;
  for (const auto* id : {"one", "two"}) {
    const auto member = group.broker.client(id, test::lasting());
    for (const std::string& payload : group.broker.take_all(member)) all.push_back(payload);
  }
  CHECK(all == Strings{"kept"});
}

TEST_CASE("messages of a member that goes come to another one, memory or not [MQTT-4.8.2-5]",
          "[pairs]") {
  Group group(GENERATE(1U, 3U));
  for (unsigned id = 1; id <= 6; ++id) group.publish(id, std::to_string(id));
  const auto first = group.broker.publishes(group.members[0]);
  const auto second = group.broker.publishes(group.members[1]);
  REQUIRE(first.size() + second.size() == 6);
  REQUIRE_FALSE(first.empty());
  group.set_headroom(0);
  // The session ends with messages that it has not acknowledged.
  group.broker.disconnect(group.members[0], {.session_expiry_interval_seconds = 0});
  group.set_headroom(1'000'000'000);
  group.broker.lose(group.members[1]);
  const auto back = group.broker.client("two", test::lasting());
  CHECK(group.broker.take_all(back).size() == 6);
}

TEST_CASE("without memory nobody joins a group, and members leave", "[pairs]") {
  Group group(GENERATE(1U, 3U));
  group.set_headroom(0);
  const auto other = group.publisher;
  group.broker.subscribe(other, "$share/g/t");
  CHECK(group.broker.received(other) == Strings{"SUBACK m10 97"});
  group.broker.unsubscribe(group.members[0], "$share/g/t");
  group.broker.received(group.members[0]);
  group.set_headroom(1'000'000'000);
  for (unsigned id = 1; id <= 4; ++id) group.publish(id, "x");
  CHECK(group.broker.publishes(group.members[0]).empty());
  CHECK(group.broker.publishes(group.members[1]).size() == 4);
}
