#include "broker/session_transfer.h"

#include <catch2/catch.hpp>
#include <optional>
#include <string>
#include <vector>

#include "broker/shard_transfer.h"
#include "test/broker/fixture.h"

namespace {

using broker::SessionImage;
using broker::TransferFault;
using test::Broker;
using Lines = std::vector<std::string>;

/// Takes the session of a client from one broker to another; the client there, if it is connected.
Broker::Client move(Broker& from, Broker& to, std::string_view client_id) {
  const auto image = from.shard(0).transfer().image(client_id);
  REQUIRE(image);
  const auto client = to.adopt(*image);
  REQUIRE(client);
  from.release(client_id);
  return *client;
}

test::ConnectOptions with_will(unsigned delay_seconds) {
  test::ConnectOptions options = test::lasting();
  options.will_topic = "will";
  options.will_delay_seconds = delay_seconds;
  return options;
}

}  // namespace

TEST_CASE("a client that is connected goes on where it was", "[session_transfer]") {
  Broker here;
  Broker there;
  const auto client = here.client("c");
  here.subscribe(client, "a", {.qos = 2});
  here.publish(client, "a", "one", {.qos = 1});
  here.received(client);
  const auto moved = move(here, there, "c");
  CHECK_FALSE(here.closed(client));
  CHECK(there.received(moved).empty());
  there.puback(moved, 1);
  there.publish(moved, "a", "two", {.qos = 1, .packet_id = 2});
  // The next identifier, and nothing once more.
  CHECK(there.received(moved) == Lines{"PUBLISH q1 r0 d0 m2 a two", "PUBACK m2"});
  CHECK(here.metrics().clients_connected == 0);
  CHECK(there.metrics().clients_connected == 1);
}

TEST_CASE("topic aliases of both sides hold after a move [MQTT-3.3.2-7]", "[session_transfer]") {
  Broker here;
  Broker there;
  test::ConnectOptions options;
  options.topic_alias_maximum = 5;
  const auto client = here.client("c", options);
  here.subscribe(client, "a");
  here.publish(client, "a", "one", {.topic_alias = 1});
  const Lines before = here.publishes(client);
  const auto moved = move(here, there, "c");
  there.publish(moved, "", "two", {.topic_alias = 1});
  const Lines after = there.publishes(moved);
  REQUIRE(after.size() == 1);
  CHECK(after[0].find("  two") != std::string::npos);  // the topic is not sent again
}

TEST_CASE("a client that is away finds its session where it moved", "[session_transfer]") {
  Broker here;
  Broker there;
  auto client = here.client("c", test::lasting());
  here.subscribe(client, "a", {.qos = 1});
  here.lose(client);
  const auto publisher = here.client("p");
  here.publish(publisher, "a", "one", {.qos = 1});
  move(here, there, "c");
  here.publish(publisher, "a", "not for c", {.qos = 1});
  const auto back = there.client("c", test::lasting());
  const Lines got = there.received(back);
  REQUIRE(got.size() == 2);
  CHECK(got[0].starts_with("CONNACK 1"));
  CHECK(got[1].find("a one") != std::string::npos);
  CHECK(there.client("d") > back);
}

TEST_CASE("a will moves with its delay, and no shard publishes it twice [MQTT-3.1.2-8]",
          "[session_transfer]") {
  Broker here;
  Broker there;
  const auto client = here.client("c", with_will(10));
  const auto watcher_here = here.client("w");
  const auto watcher_there = there.client("w");
  here.subscribe(watcher_here, "will");
  there.subscribe(watcher_there, "will");
  here.lose(client);
  move(here, there, "c");
  here.pass_milliseconds(11'000);
  there.pass_milliseconds(11'000);
  CHECK(here.publishes(watcher_here).empty());
  CHECK(there.publishes(watcher_there).size() == 1);
}

TEST_CASE("a member of a group takes its messages along", "[session_transfer]") {
  Broker here;
  Broker there;
  const auto client = here.client("c");
  const auto other = here.client("o");
  here.subscribe(client, "$share/g/a", {.qos = 1, .identifier = 9});
  here.publish(client, "a", "one", {.qos = 1});
  here.subscribe(other, "$share/g/a", {.qos = 1});
  here.received(other);
  const auto moved = move(here, there, "c");
  CHECK(here.received(other).empty());  // not given back
  there.puback(moved, 1);
  there.publish(moved, "a", "two", {.qos = 1});
  const Lines got = there.publishes(moved);
  REQUIRE(got.size() == 1);
  CHECK(got[0].find("{11=9}") != std::string::npos);
  here.publish(other, "a", "three", {.qos = 1});
  CHECK(here.publishes(other).size() == 1);
}

TEST_CASE("the store of the new shard has a session that moved, and the old one has not",
          "[session_transfer]") {
  test::MemoryStore store_here;
  test::MemoryStore store_there;
  {
    Broker here(1, store_here);
    Broker there(1, store_there);
    const auto client = here.client("c", test::lasting());
    here.subscribe(client, "a", {.qos = 2});
    here.publish(client, "a", "one", {.qos = 2, .packet_id = 5});
    move(here, there, "c");
  }
  Broker here(1, store_here);
  Broker there(1, store_there);
  const auto old = here.client("c", test::lasting());
  CHECK(here.received(old)[0].starts_with("CONNACK 0"));
  const auto back = there.client("c", test::lasting());
  const Lines got = there.received(back);
  REQUIRE(got.size() == 2);
  CHECK(got[0].starts_with("CONNACK 1"));
  CHECK(got[1] == "PUBLISH q2 r0 d1 m1 a one");
  // The identifier is known: the same message once more goes nowhere.
  there.publish(back, "a", "one", {.qos = 2, .packet_id = 5, .dup = true});
  CHECK(there.received(back) == Lines{"PUBREC m5"});
}

TEST_CASE("a session of which something waits for the disk does not move", "[session_transfer]") {
  test::MemoryStore store;
  Broker here(1, store);
  const auto client = here.client("c", test::lasting());
  here.subscribe(client, "a", {.qos = 1});
  here.received(client);
  here.disk_stalls = true;
  here.publish(client, "a", "one", {.qos = 1});
  CHECK(here.shard(0).transfer().image("c").error() == TransferFault::busy);
  here.disk_stalls = false;
  here.sync();
  CHECK(here.shard(0).transfer().image("c"));
}

TEST_CASE("a session that cannot be adopted changes nothing", "[session_transfer]") {
  Broker here;
  here.client("c");
  CHECK(here.shard(0).transfer().image("nobody").error() == TransferFault::absent);
  SessionImage image = *here.shard(0).transfer().image("c");
  CHECK(here.adopt(image).error() == TransferFault::present);
  broker::Limits limits;
  limits.global_max_clients = 1;
  Broker full(1, limits);
  full.client("d");
  CHECK(full.adopt(image).error() == TransferFault::full);
  image.listener = 7;
  Broker there;
  CHECK(there.adopt(image).error() == TransferFault::unknown_listener);
  CHECK(there.metrics().clients_connected == 0);
}
