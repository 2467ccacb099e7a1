#include "broker/peer_input.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "test/broker/parts.h"

namespace {

using broker::PeerMessage;
using broker::ShardIndex;
using Lines = std::vector<std::string>;

/// The first of two shards, with a client that subscribes to "t".
struct Scene {
  Scene() {
    broker::Subscriber subscriber;
    subscriber.index = static_cast<std::uint32_t>(client.session.index);
    parts.router.subscribe("t", subscriber);
  }
  void take(PeerMessage message) { input.take(ShardIndex{1}, message); }

  test::Parts parts{broker::Durability::none, 2};
  test::ConnectedClient client{parts, 1, mqtt::Version::v5_0};
  broker::Figures figures{parts.options,        parts.metrics,  parts.sessions, parts.router,
                          parts.groups.table(), parts.retained, parts.peers};
  broker::PeerInput input{parts.distribution, parts.groups, parts.forwards, parts.links, figures,
                          parts.peers,        parts.turn};
};

broker::MessageView message() {
  return {"t", mqtt::as_bytes("hi"), {}, mqtt::Qos::at_most_once, false, std::nullopt};
}

}  // namespace

TEST_CASE("messages of another shard reach subscribers here", "[peer_input]") {
  Scene scene;
  broker::PublishBatch batch;
  batch.append(message());
  scene.take(std::move(batch));
  CHECK(scene.client.output(scene.parts).size() == 1);
}

TEST_CASE("a shard that asks for figures gets them", "[peer_input]") {
  Scene scene;
  scene.take(broker::MetricsRequest{});
  const auto& sent = scene.parts.peers.messages(broker::PeerId{1});
  REQUIRE(sent.size() == 1);
  CHECK(std::holds_alternative<broker::MetricsReport>(sent[0]));
}

TEST_CASE("a member on another shard joins a group that is at home here", "[peer_input]") {
  Scene scene;
  broker::GroupJoin join;
  join.share_name = "g";
  join.filter = "a";
  scene.take(std::move(join));
  CHECK(scene.parts.groups.table().number("g", "a"));
}

TEST_CASE("a link of another shard that is full keeps publishers here waiting", "[peer_input]") {
  Scene scene;
  scene.take(broker::LinksFull{true});
  CHECK_FALSE(scene.parts.pressure.is_over());
  scene.take(broker::LinksFull{false});
  CHECK(scene.parts.pressure.is_over());
}
