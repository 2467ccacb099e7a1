#include <catch2/catch.hpp>

#include "test/broker/fixture.h"
#include "test/vectors/packets.h"

// The shared table of packets against the whole machine: a well-formed packet leaves the broker
// healthy, a broken one ends its connection, whichever way the bytes are cut.

TEST_CASE("every packet of the table, to a connected client's connection", "[shard][vectors]") {
  const auto feed = GENERATE(test::Feed::whole, test::Feed::halves, test::Feed::bytes);
  const auto shards = GENERATE(1U, 4U);
  test::Broker broker(shards);
  broker.feed = feed;
  const auto healthy = broker.client("healthy");
  broker.subscribe(healthy, "health");
  for (const vectors::Packet& packet : vectors::all_packets()) {
    CAPTURE(packet.name);
    test::ConnectOptions options;
    options.version = packet.version;
    const auto client = broker.client("victim", options);
    broker.received(client);
    REQUIRE_FALSE(broker.closed(client));
    broker.send(client, packet.bytes);
    if (!packet.valid()) CHECK(broker.closed(client));
    broker.lose(client);
  }
  broker.received(healthy);
  broker.publish(healthy, "health", "good");
  CHECK(broker.publishes(healthy).size() == 1);
}

TEST_CASE("every CONNECT of the table, as the first packet", "[shard][vectors]") {
  test::Broker broker(GENERATE(1U, 4U));
  broker.feed = GENERATE(test::Feed::whole, test::Feed::bytes);
  for (const vectors::Packet& packet : vectors::connect_packets()) {
    CAPTURE(packet.name);
    const auto client = broker.open();
    broker.send(client, packet.bytes);
    if (!packet.valid()) CHECK(broker.closed(client));
    broker.lose(client);
  }
  CHECK(broker.metrics().clients_connected == 0);
}
