#include "broker/server/cluster/cluster_port.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/cluster/subject.h"
#include "test/broker/fixture.h"
#include "test/nats/silent_user.h"
#include "transport/nats/nats_link.h"

using mqtt::Qos;
using server::ClusterPort;
using test::Broker;

namespace {

transport::NatsOptions nats_options() {
  transport::NatsOptions options;
  options.urls = {"nats://127.0.0.1:1"};
  options.pending_bytes_max = 64'000'000;
  return options;
}

/// A port of a shard on the way to NATS servers that are not there.
struct Place {
  Place()
      : nats(nats_options(), user),
        port(nats, cluster::prefix_of_cluster("c"), cluster::SenderId{7}) {
    port.open(broker.shard(0));
  }

  test::SilentNatsUser user;
  transport::NatsLink nats;
  ClusterPort port;
  Broker broker{1};
};

broker::SharedMessage message(std::string_view topic, std::string_view payload,
                              Qos qos = Qos::at_most_once) {
  return broker::SharedMessage::copy_of(
      {topic, mqtt::as_bytes(payload), {}, qos, false, std::nullopt});
}

}  // namespace

TEST_CASE("a port takes messages that other nodes want", "[cluster_port]") {
  Place place;
  const auto client = place.broker.client("c");
  place.broker.publish(client, "a", "nobody");
  CHECK(place.nats.pending_bytes() == 0);
  place.port.change_filter(place.broker.shard(0), {"a/#", true});
  place.broker.publish(client, "a", "somebody", {.qos = 1});
  place.broker.publish(client, "b", "nobody", {.qos = 1});
  const std::size_t pending = place.nats.pending_bytes();
  CHECK(pending > 0);
  place.port.change_filter(place.broker.shard(0), {"a/#", false});
  place.broker.publish(client, "a", "nobody", {.qos = 1});
  CHECK(place.nats.pending_bytes() == pending);
}

TEST_CASE("messages of other nodes come to subscribers, a part in each turn", "[cluster_port]") {
  Place place;
  const auto client = place.broker.client("c");
  place.broker.subscribe(client, "a/#", {.qos = 2});
  place.broker.received(client);
  constexpr std::size_t count = ClusterPort::deliver_max + 10;
  for (std::size_t i = 0; i < count; ++i) {
    // One call is on its way: no other is needed.
    CHECK(place.port.receive(message("a/b", std::to_string(i))) == (i == 0));
  }
  // What came by the cluster does not go back to it.
  place.port.change_filter(place.broker.shard(0), {"a/b", true});
  CHECK(place.port.deliver(place.broker.shard(0), place.broker.now));
  place.broker.settle();
  CHECK(place.broker.publishes(client).size() == ClusterPort::deliver_max);
  while (place.port.deliver(place.broker.shard(0), place.broker.now)) {
  }
  place.broker.settle();
  CHECK(place.broker.publishes(client).size() == 10);
  CHECK(place.port.receive(message("a/b", "later")));
  CHECK(place.nats.pending_bytes() == 0);
}

TEST_CASE("an expiry counts from the turn in which a message is delivered", "[cluster_port]") {
  Place place;
  const auto client = place.broker.client("c");
  place.broker.subscribe(client, "a");
  place.broker.received(client);
  broker::SharedMessage late = message("a", "late");
  late.expires = broker::Instant{0};  // no time is left
  broker::SharedMessage soon = message("a", "soon");
  soon.expires = broker::Instant{60'000};
  static_cast<void>(place.port.receive(late));
  static_cast<void>(place.port.receive(soon));
  while (place.port.deliver(place.broker.shard(0), place.broker.now)) {
  }
  place.broker.settle();
  const auto got = place.broker.publishes(client);
  REQUIRE(got.size() == 1);
  CHECK(got.front().find("soon") != std::string::npos);
}

TEST_CASE("an inbox is bounded, and what is dropped is counted", "[cluster_port]") {
  Place place;
  const std::string payload(1'000'000, 'x');
  for (int i = 0; i < 40; ++i) static_cast<void>(place.port.receive(message("a", payload)));
  CHECK(place.port.dropped_received() >= 40 - ClusterPort::inbox_bytes_max / payload.size());
  CHECK(place.port.dropped_received() < 10);
}

TEST_CASE("while NATS takes nothing a port has no room, until half of it is free",
          "[cluster_port]") {
  Place place;
  place.port.change_filter(place.broker.shard(0), {"a", true});
  const auto client = place.broker.client("c");
  place.broker.received(client);
  const std::string payload(500'000, 'x');
  CHECK(place.port.room());
  CHECK_FALSE(place.port.take_room());
  for (int i = 0; i < 20; ++i) place.broker.publish(client, "a", payload);
  CHECK_FALSE(place.port.room());
  CHECK(place.port.was_full());
  CHECK_FALSE(place.port.take_room());  // nothing was taken
  CHECK(place.nats.pending_bytes() < ClusterPort::full_bytes + payload.size() + 1000);
  CHECK(place.broker.metrics().publish_dropped > 0);
  CHECK(place.port.found_no_room() == 0);
}

TEST_CASE("messages that NATS does not take are counted", "[cluster_port]") {
  Place place;
  place.port.change_filter(place.broker.shard(0), {"a", true});
  const auto client = place.broker.client("c");
  place.broker.publish(client, "a", std::string(1'500'000, 'x'));
  CHECK(place.port.too_large() == 1);
  CHECK(place.port.found_no_room() == 0);
  CHECK(place.port.sent() == 0);
  place.broker.publish(client, "a", "x");
  CHECK(place.port.sent() == 1);
}
