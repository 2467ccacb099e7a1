#include "transport/bridge/bridge_port.h"

#include <catch2/catch.hpp>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "test/packets.h"
#include "test/transport/fixture.h"
#include "transport/bridge/bridge_ports.h"
#include "transport/loop.h"

namespace transport {
namespace {

BridgePlan plan_to(std::uint16_t port, std::vector<bridge::Mapping> mappings) {
  BridgePlan plan;
  plan.options.name = "edge";
  plan.options.addresses = {{"127.0.0.1", port}};
  plan.options.mappings = std::move(mappings);
  plan.options.remote_client_id = "edge";
  plan.options.local_client_id = "local.edge";
  plan.options.notification_topic = "$SYS/broker/connection/edge/state";
  plan.options.restart = {.first_milliseconds = 50, .longest_milliseconds = 50};
  LinkOptions link;
  link.address.host = "127.0.0.1";
  link.address.port = port;
  plan.links = {link};
  return plan;
}

/// Two brokers, and a bridge of the first.
struct Pair {
  explicit Pair(std::uint32_t loops) : here(with_loops(loops)) {}

  [[nodiscard]] broker::ShardIndex home() {
    return here.loops().shard(broker::ShardIndex{0}).home_of("local.edge");
  }
  void put(BridgePlan plan) {
    here.loops().post_loop(home(), [this, plan = std::move(plan)](Loop& loop) mutable {
      BridgePorts::of(loop, board).put(std::move(plan));
    });
  }
  void remove() {
    here.loops().post_loop(
        home(), [this](Loop& loop) { BridgePorts::of(loop, board).remove("local.edge"); });
  }
  [[nodiscard]] BridgeFigures figures() { return board.all()["local.edge"]; }
  [[nodiscard]] bool is_connected() {
    return eventually([this] { return figures().is_connected; });
  }

  BridgeBoard board;
  TestBroker there;
  TestBroker here;
};

Client subscriber(std::uint16_t port, std::string_view name, std::string_view filter) {
  Client client(port);
  client.send(connect(name) + subscribe(filter, 1));
  CHECK(client.receive(connack.size()) == connack);
  CHECK(client.receive(suback(1).size()) == suback(1));
  return client;
}

void send(std::uint16_t port, std::string_view topic, std::string_view payload) {
  Client client(port);
  client.send(connect("sender") + publish(topic, payload));
  CHECK(client.receive(connack.size()) == connack);
  client.send(test::disconnect());
  CHECK(client.receive_all().empty());
}

const bridge::Mapping everything{
    .pattern = "t/#", .direction = bridge::Direction::both, .qos = mqtt::Qos::exactly_once};

}  // namespace

TEST_CASE("messages cross a bridge in both directions", "[bridges]") {
  for (const std::uint32_t loops : {1U, 3U}) {
    CAPTURE(loops);
    Pair pair(loops);
    pair.put(plan_to(pair.there.port(), {everything}));
    REQUIRE(pair.is_connected());
    Client there = subscriber(pair.there.port(), "there", "t/out");
    send(pair.here.port(), "t/out", "a");
    CHECK(there.receive(publish("t/out", "a").size()) == publish("t/out", "a"));
    Client here = subscriber(pair.here.port(), "here", "t/in");
    send(pair.there.port(), "t/in", "b");
    CHECK(here.receive(publish("t/in", "b").size()) == publish("t/in", "b"));
    CHECK(eventually([&] { return pair.figures().sent == 1 && pair.figures().received == 1; }));
    pair.here.loops().stop();
  }
}

TEST_CASE("a large message crosses a bridge, whatever pieces the shard gives it in", "[bridges]") {
  Pair pair(1);
  pair.put(plan_to(pair.there.port(), {everything}));
  REQUIRE(pair.is_connected());
  Client there = subscriber(pair.there.port(), "there", "t/#");
  const std::string payload(1'000'000, 'x');
  send(pair.here.port(), "t/out", payload);
  const std::string wanted = publish("t/out", payload);
  CHECK(there.receive(wanted.size()) == wanted);
}

TEST_CASE("a bridge says why it could not connect, and tries again", "[bridges]") {
  Pair pair(1);
  std::uint16_t port = 0;
  {
    TestBroker gone;
    port = gone.port();
  }
  pair.put(plan_to(port, {everything}));
  CHECK(pair.here.log().says("Connecting bridge edge (127.0.0.1:" + std::to_string(port) + ")"));
  CHECK(pair.here.log().says("Unable to connect bridge edge"));
  CHECK(eventually([&] { return pair.here.log().count("Connecting bridge edge") > 1; }));
  CHECK(eventually([&] { return !pair.figures().last_error.empty(); }));
}

TEST_CASE("another plan takes the place of a bridge, and drops what it does not subscribe to",
          "[bridges]") {
  Pair pair(1);
  BridgePlan first = plan_to(pair.there.port(), {everything});
  pair.put(first);
  REQUIRE(pair.is_connected());
  BridgePlan second =
      plan_to(pair.there.port(), {{.pattern = "u/#", .direction = bridge::Direction::both}});
  second.replaces_at_once = true;
  pair.put(second);
  CHECK(eventually([&] { return pair.figures().reconnects == 1 && pair.figures().is_connected; }));
  Client there = subscriber(pair.there.port(), "there", "#");
  send(pair.here.port(), "t/out", "a");
  send(pair.here.port(), "u/out", "b");
  CHECK(there.receive(publish("u/out", "b").size()) == publish("u/out", "b"));
}

TEST_CASE("the session of a bridge that leaves ends with it", "[bridges]") {
  Pair pair(1);
  pair.put(plan_to(pair.there.port(), {everything}));
  REQUIRE(pair.is_connected());
  pair.remove();
  CHECK(eventually([&] { return pair.board.all().empty(); }));
  send(pair.here.port(), "t/out", "a");
  std::promise<std::uint64_t> sessions;
  pair.here.loops().post(pair.home(), [&](broker::Shard& shard, broker::Instant) {
    sessions.set_value(shard.metrics().sessions);
  });
  CHECK(sessions.get_future().get() == 0);
}

TEST_CASE("a lazy bridge connects when messages wait for it", "[bridges]") {
  Pair pair(1);
  BridgePlan plan = plan_to(pair.there.port(), {everything});
  plan.options.start = bridge::Start::lazy;
  plan.threshold = 2;
  pair.put(plan);
  Client there = subscriber(pair.there.port(), "there", "t/#");
  Client sender(pair.here.port());
  sender.send(connect("sender") + publish("t/1", "a", 1));
  CHECK(sender.receive(connack.size() + 4).size() == connack.size() + 4);
  CHECK(pair.here.log().count("Connecting bridge") == 0);
  sender.send(publish("t/2", "b", 2));
  CHECK(pair.is_connected());
  CHECK(there.receive(publish("t/1", "a", 1).size()) == publish("t/1", "a", 1));
}

TEST_CASE("the end of the process ends a bridge before wills are published", "[bridges]") {
  Pair pair(1);
  pair.put(plan_to(pair.there.port(), {everything}));
  REQUIRE(pair.is_connected());
  Client there = subscriber(pair.there.port(), "there", "$SYS/broker/connection/edge/state");
  const std::string one = publish("$SYS/broker/connection/edge/state", "1", 1);
  CHECK(there.receive(one.size()).size() == one.size());
  pair.here.loops().stop();
  const std::string zero = publish("$SYS/broker/connection/edge/state", "0", 2);
  CHECK(there.receive(zero.size()).ends_with('0'));
}

}  // namespace transport
