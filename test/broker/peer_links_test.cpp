#include "broker/peer_links.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/broker/fixture.h"
#include "test/broker/test_link.h"

namespace {

using broker::PeerId;
using broker::PeerLinks;
using mqtt::Qos;
using test::Broker;
using test::TestLink;
using Lines = std::vector<std::string>;

broker::MessageView message(std::string_view topic, Qos qos = Qos::at_most_once) {
  return {topic, mqtt::as_bytes("hi"), {}, qos, false, std::nullopt};
}

}  // namespace

TEST_CASE("a link is no shard, and its name is not given again", "[peer_links]") {
  broker::Metrics metrics;
  PeerLinks links(metrics);
  TestLink one;
  TestLink two;
  const PeerId first = links.add(one);
  CHECK(broker::is_link(first));
  CHECK_FALSE(broker::is_link(broker::peer_of_shard(broker::ShardIndex{63})));
  links.remove(first);
  const PeerId second = links.add(two);
  CHECK(second != first);
  links.send(first, message("a"), Qos::at_most_once);
  links.send(second, message("a"), Qos::at_most_once);
  CHECK(one.messages.empty());
  CHECK(two.messages == Lines{"q0 a hi"});
}

TEST_CASE("a link without room loses QoS 0, counted, and nothing else", "[peer_links]") {
  broker::Metrics metrics;
  PeerLinks links(metrics);
  TestLink link;
  const PeerId peer = links.add(link);
  CHECK_FALSE(links.are_full());
  link.messages_max = 1;
  links.send(peer, message("a"), Qos::at_least_once);
  CHECK(links.are_full());
  links.send(peer, message("b"), Qos::at_most_once);
  links.send(peer, message("c"), Qos::at_least_once);
  CHECK(link.messages == Lines{"q1 a hi", "q1 c hi"});
  CHECK(metrics.publish_dropped == 1);
  link.messages.clear();
  CHECK_FALSE(links.are_full());
}

TEST_CASE("a link gets what it subscribes to, once, from whatever shard", "[peer_links]") {
  Broker broker(3);
  TestLink link;
  broker::Shard& home = broker.shard(1);
  const PeerId peer = home.add_link(link);
  home.subscribe_link(peer, "a/+", Qos::at_least_once);
  home.subscribe_link(peer, "a/#", Qos::at_most_once);
  for (int i = 0; i < 6; ++i) {
    const auto client = broker.client("c" + std::to_string(i));
    broker.publish(client, "a/b", std::to_string(i), {.qos = 2});
    broker.publish(client, "b", "not for it", {.qos = 1});
  }
  CHECK(link.messages.size() == 6);
  CHECK(link.messages[0] == "q1 a/b 0");
  home.unsubscribe_link(peer, "a/+");
  home.unsubscribe_link(peer, "a/#");
  broker.publish(0, "a/b", "late", {.qos = 1});
  CHECK(link.messages.size() == 6);
  home.remove_link(peer);
}

TEST_CASE("a message of a link goes to subscribers and other links, and not back", "[peer_links]") {
  Broker broker(2);
  TestLink from;
  TestLink other;
  broker::Shard& home = broker.shard(0);
  const PeerId from_peer = home.add_link(from);
  const PeerId other_peer = home.add_link(other);
  home.subscribe_link(from_peer, "#", Qos::exactly_once);
  home.subscribe_link(other_peer, "#", Qos::exactly_once);
  std::vector<Broker::Client> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(broker.client("c" + std::to_string(i)));
    broker.subscribe(clients.back(), "a");
    broker.received(clients.back());
  }
  CHECK(home.publish_from_link(from_peer, message("a", Qos::at_least_once), broker.now));
  broker.settle();
  for (const Broker::Client client : clients) CHECK(broker.publishes(client).size() == 1);
  CHECK(from.messages.empty());
  CHECK(other.messages == Lines{"q1 a hi"});
}

TEST_CASE("clients of a full link are kept waiting until it has room", "[peer_links]") {
  Broker broker;
  TestLink link;
  broker::Shard& home = broker.shard(0);
  const PeerId peer = home.add_link(link);
  home.subscribe_link(peer, "a", Qos::at_least_once);
  const auto client = broker.client("c");
  broker.received(client);
  link.messages_max = 2;
  for (unsigned id = 1; id <= 4; ++id) {
    broker.publish(client, "a", std::to_string(id), {.qos = 1, .packet_id = id});
  }
  CHECK(broker.received(client) == Lines{"PUBACK m1", "PUBACK m2"});
  CHECK(link.messages == Lines{"q1 a 1", "q1 a 2"});
  // Many more are not even read.
  for (unsigned id = 5; broker.reads(client); ++id) {
    REQUIRE(id < 100);
    broker.publish(client, "a", std::string(1000, 'x'), {.qos = 1, .packet_id = id});
  }
  link.messages_max = SIZE_MAX;
  home.link_has_room(broker.now);
  broker.settle();
  CHECK(broker.reads(client));
  CHECK(broker.received(client).front() == "PUBACK m3");
  CHECK(link.messages[3] == "q1 a 4");
}

TEST_CASE("an acknowledgement waits for the disk, and not for a link of another shard",
          "[peer_links]") {
  test::MemoryStore store;
  Broker broker(2, store);
  TestLink link;
  link.messages_max = 0;  // it has no room at all
  broker::Shard& home = broker.shard(1);
  const PeerId peer = home.add_link(link);
  home.subscribe_link(peer, "a", Qos::exactly_once);
  std::string name = "c";
  while (broker.shard(0).home_of(name) != broker::ShardIndex{0}) name += 'c';
  const auto client = broker.client(name, test::lasting());
  broker.received(client);

  broker.publish(client, "a", "0");
  broker.publish(client, "a", "1", {.qos = 1, .packet_id = 1});
  CHECK(broker.received(client) == Lines{"PUBACK m1"});
  CHECK(link.messages == Lines{"q1 a 1"});
  CHECK(broker.metrics().publish_dropped == 1);

  broker.disk_stalls = true;
  broker.publish(client, "a", "2", {.qos = 2, .packet_id = 2});
  CHECK(broker.received(client).empty());
  CHECK(link.messages.size() == 1);
  broker.disk_stalls = false;
  broker.sync();
  CHECK(broker.received(client) == Lines{"PUBREC m2"});
  CHECK(link.messages == Lines{"q1 a 1", "q2 a 2"});
  home.unsubscribe_link(peer, "a");
  home.remove_link(peer);
}
