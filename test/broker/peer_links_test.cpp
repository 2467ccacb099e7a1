#include "broker/peer_links.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/shard_links.h"
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

/// A client id at home on a shard of `broker`.
std::string id_at(Broker& broker, std::uint32_t shard) {
  std::string id = "c";
  while (broker.shard(0).home_of(id) != broker::ShardIndex{shard}) id += 'c';
  return id;
}

}  // namespace

TEST_CASE("a link is no shard, and its name is not given again", "[peer_links]") {
  broker::Metrics metrics;
  broker::PeerOutbox peers(1);
  PeerLinks links(metrics, peers, PeerId{0}, 1);
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
  broker::PeerOutbox peers(1);
  PeerLinks links(metrics, peers, PeerId{0}, 1);
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
  links.look_for_room();
  CHECK_FALSE(links.are_full());
}

TEST_CASE("other shards are told when a link gets full, and when it has room, once each",
          "[peer_links]") {
  broker::Metrics metrics;
  broker::PeerOutbox peers(3);
  PeerLinks links(metrics, peers, PeerId{1}, 3);
  const auto told = [&peers](std::uint32_t shard) {
    std::string all;
    for (const broker::PeerMessage& sent : peers.messages(PeerId{shard})) {
      all += std::get<broker::LinksFull>(sent).full ? 'f' : 'r';
    }
    return all;
  };
  TestLink one;
  TestLink two;
  one.messages_max = two.messages_max = 1;
  const PeerId first = links.add(one);
  const PeerId second = links.add(two);
  for (const PeerId peer : {first, first, second})
    links.send(peer, message("a"), Qos::at_least_once);
  CHECK(told(0) == "f");
  CHECK(told(1).empty());
  CHECK(told(2) == "f");
  one.messages.clear();
  links.look_for_room();
  CHECK(links.are_full());  // the other one still is
  links.remove(second);
  CHECK_FALSE(links.are_full());
  CHECK(told(0) == "fr");
  CHECK(told(2) == "fr");
}

TEST_CASE("links are full while those of any other shard are", "[peer_links]") {
  broker::Metrics metrics;
  broker::PeerOutbox peers(3);
  PeerLinks links(metrics, peers, PeerId{0}, 3);
  links.on_peer(broker::ShardIndex{1}, {true});
  links.on_peer(broker::ShardIndex{2}, {true});
  links.on_peer(broker::ShardIndex{1}, {false});
  CHECK(links.are_full());
  links.on_peer(broker::ShardIndex{2}, {false});
  CHECK_FALSE(links.are_full());
  CHECK(peers.empty());
}

TEST_CASE("a link gets what it subscribes to, once, from whatever shard", "[peer_links]") {
  Broker broker(3);
  TestLink link;
  broker::Shard& home = broker.shard(1);
  const PeerId peer = home.links().add(link);
  home.links().subscribe(peer, "a/+", Qos::at_least_once);
  home.links().subscribe(peer, "a/#", Qos::at_most_once);
  for (int i = 0; i < 6; ++i) {
    const auto client = broker.client("c" + std::to_string(i));
    broker.publish(client, "a/b", std::to_string(i), {.qos = 2});
    broker.publish(client, "b", "not for it", {.qos = 1});
  }
  CHECK(link.messages.size() == 6);
  CHECK(link.messages[0] == "q1 a/b 0");
  home.links().unsubscribe(peer, "a/+");
  home.links().unsubscribe(peer, "a/#");
  broker.publish(0, "a/b", "late", {.qos = 1});
  CHECK(link.messages.size() == 6);
  home.links().remove(peer);
}

TEST_CASE("a message of a link goes to subscribers and other links, and not back", "[peer_links]") {
  Broker broker(2);
  TestLink from;
  TestLink other;
  broker::Shard& home = broker.shard(0);
  const PeerId from_peer = home.links().add(from);
  const PeerId other_peer = home.links().add(other);
  home.links().subscribe(from_peer, "#", Qos::exactly_once);
  home.links().subscribe(other_peer, "#", Qos::exactly_once);
  std::vector<Broker::Client> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(broker.client("c" + std::to_string(i)));
    broker.subscribe(clients.back(), "a");
    broker.received(clients.back());
  }
  CHECK(home.links().publish_from(from_peer, message("a", Qos::at_least_once), broker.now));
  broker.settle();
  for (const Broker::Client client : clients) CHECK(broker.publishes(client).size() == 1);
  CHECK(from.messages.empty());
  CHECK(other.messages == Lines{"q1 a hi"});
}

TEST_CASE("clients of a full link are kept waiting until it has room", "[peer_links]") {
  Broker broker;
  TestLink link;
  broker::Shard& home = broker.shard(0);
  const PeerId peer = home.links().add(link);
  home.links().subscribe(peer, "a", Qos::at_least_once);
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
  home.links().has_room(broker.now);
  broker.settle();
  CHECK(broker.reads(client));
  CHECK(broker.received(client).front() == "PUBACK m3");
  CHECK(link.messages[3] == "q1 a 4");
}

TEST_CASE("clients of other shards wait for a full link as well, unless with QoS 0",
          "[peer_links]") {
  Broker broker(3);
  TestLink link;
  broker::Shard& home = broker.shard(1);
  const PeerId peer = home.links().add(link);
  home.links().subscribe(peer, "a", Qos::exactly_once);
  const std::uint32_t shard = GENERATE(0U, 2U);
  const unsigned qos = GENERATE(1U, 2U);
  const auto client = broker.client(id_at(broker, shard));
  broker.received(client);
  link.messages_max = 2;
  for (unsigned id = 1; broker.reads(client); ++id) {
    REQUIRE(id < 200);
    broker.publish(client, "a", std::string(1000, 'x'), {.qos = qos, .packet_id = id});
  }
  CHECK(link.messages.size() == 2);
  CHECK(broker.received(client).size() == 2);
  // QoS 0 overtakes nothing of its own client; of another one it is dropped, and counted.
  const auto other = broker.client(id_at(broker, 2 - shard));
  broker.publish(other, "a", "0");
  CHECK(broker.reads(other));
  CHECK(link.messages.size() == 2);
  CHECK(broker.metrics().publish_dropped == 1);

  link.messages_max = SIZE_MAX;
  home.links().has_room(broker.now);
  broker.settle();
  CHECK(broker.reads(client));
  CHECK(link.messages.size() > 60);
  CHECK(broker.received(client).size() == link.messages.size() - 2);
  home.links().unsubscribe(peer, "a");
  home.links().remove(peer);
}

TEST_CASE("clients of other shards go on when the full link is removed", "[peer_links]") {
  Broker broker(2);
  TestLink link;
  link.messages_max = 1;
  broker::Shard& home = broker.shard(1);
  const PeerId peer = home.links().add(link);
  home.links().subscribe(peer, "a", Qos::exactly_once);
  const auto client = broker.client(id_at(broker, 0));
  broker.received(client);
  broker.publish(client, "a", "1", {.qos = 1, .packet_id = 1});
  broker.publish(client, "a", "2", {.qos = 1, .packet_id = 2});
  CHECK(broker.received(client) == Lines{"PUBACK m1"});
  home.links().unsubscribe(peer, "a");
  home.links().remove(peer);
  broker.settle();
  CHECK(broker.received(client).size() == 1);
}

TEST_CASE("an acknowledgement waits for the disk, and not for a link of another shard",
          "[peer_links]") {
  test::MemoryStore store;
  Broker broker(2, store);
  TestLink link;
  broker::Shard& home = broker.shard(1);
  const PeerId peer = home.links().add(link);
  home.links().subscribe(peer, "a", Qos::exactly_once);
  const auto client = broker.client(id_at(broker, 0), test::lasting());
  broker.received(client);

  broker.publish(client, "a", "1", {.qos = 1, .packet_id = 1});
  CHECK(broker.received(client) == Lines{"PUBACK m1"});
  CHECK(link.messages == Lines{"q1 a 1"});

  broker.disk_stalls = true;
  broker.publish(client, "a", "2", {.qos = 2, .packet_id = 2});
  CHECK(broker.received(client).empty());
  CHECK(link.messages.size() == 1);
  broker.disk_stalls = false;
  broker.sync();
  CHECK(broker.received(client) == Lines{"PUBREC m2"});
  CHECK(link.messages == Lines{"q1 a 1", "q2 a 2"});
  home.links().unsubscribe(peer, "a");
  home.links().remove(peer);
}

TEST_CASE("a link that every shard has gets a message once, where it was published",
          "[peer_links]") {
  Broker broker(3);
  std::vector<TestLink> links(3);
  std::vector<PeerId> peers;
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    peers.push_back(broker.shard(shard).links().add(links[shard], broker::LinkReach::shard));
    broker.shard(shard).links().subscribe(peers[shard], "a/#", Qos::exactly_once);
  }
  const unsigned qos = GENERATE(0U, 1U, 2U);
  const bool retain = GENERATE(false, true);
  for (std::uint32_t shard = 0; shard < 3; ++shard) {
    const auto client = broker.client(id_at(broker, shard));
    broker.subscribe(client, "a/#");
    broker.publish(client, "a/b", "hi", {.qos = qos, .packet_id = 1, .retain = retain});
    broker.settle();
    for (std::uint32_t other = 0; other < 3; ++other) {
      CHECK(links[other].messages.size() == (other <= shard ? 1 : 0));
    }
  }
  // One that came by a link goes to no other shard's link either.
  CHECK(broker.shard(1).links().publish_from(peers[1], message("a/b", Qos::at_least_once),
                                             broker.now));
  broker.settle();
  for (const TestLink& link : links) CHECK(link.messages.size() == 1);
}
