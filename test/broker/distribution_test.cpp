#include "broker/distribution.h"

#include <catch2/catch.hpp>
#include <string>
#include <variant>
#include <vector>

#include "test/broker/parts.h"

namespace {

using broker::PeerPublish;
using broker::PublishBatch;
using broker::ShardIndex;
using mqtt::Qos;
using mqtt::Version;
using Texts = std::vector<std::string>;

broker::MessageView message(std::string_view topic, Qos qos = Qos::at_most_once,
                            bool retain = false) {
  return {topic, mqtt::as_bytes("hi"), {}, qos, retain, std::nullopt};
}

/// One shard of two, with a client that subscribes to "a".
struct Scene {
  test::Parts parts{broker::Durability::none, 2};
  test::ConnectedClient client{parts, 1, Version::v5_0};

  Scene() { subscribe("a"); }
  void subscribe(std::string_view filter) {
    broker::Subscriber subscriber;
    subscriber.index = static_cast<std::uint32_t>(client.session.index);
    parts.router.subscribe(filter, subscriber);
  }
  [[nodiscard]] std::vector<broker::PeerMessage>& to_peer() {
    return parts.peers.messages(broker::PeerId{1});
  }
};

}  // namespace

TEST_CASE("a message goes to the sessions that subscribe [MQTT-4.5.0-1]", "[distribution]") {
  Scene scene;
  CHECK(scene.parts.distribution.publish(message("a"), nullptr));
  CHECK_FALSE(scene.parts.distribution.publish(message("b"), nullptr));
  CHECK(scene.client.output(scene.parts) == Texts{"PUBLISH q0 r0 d0 m0 a hi"});
  CHECK(scene.to_peer().empty());
}

TEST_CASE("a peer that may be interested gets a message, small ones in a batch", "[distribution]") {
  Scene scene;
  scene.parts.commons.interest.add(ShardIndex{1}, "b");
  CHECK(scene.parts.distribution.publish(message("b"), nullptr));
  CHECK(scene.parts.distribution.publish(message("b"), nullptr));
  CHECK(scene.parts.distribution.publish(message("b", Qos::at_least_once), nullptr));
  REQUIRE(scene.to_peer().size() == 2);
  CHECK(std::get<PublishBatch>(scene.to_peer()[0]).size() == 2);
  CHECK(std::get<PeerPublish>(scene.to_peer()[1]).message.view().topic == "b");
}

TEST_CASE("a retained message goes to every shard, interested or not", "[distribution]") {
  Scene scene;
  scene.parts.distribution.publish(message("a", Qos::at_most_once, true), nullptr);
  REQUIRE(scene.to_peer().size() == 1);
  auto& told = std::get<PeerPublish>(scene.to_peer()[0]);
  CHECK(told.stamp.count == 1);
  CHECK(scene.parts.retained.size() == 1);

  test::Parts other{broker::Durability::none, 2};
  other.distribution.on_peer(ShardIndex{0}, told);
  CHECK(other.retained.size() == 1);
  CHECK(other.peers.empty());
}

TEST_CASE("the last update of a retained topic wins, whichever comes first", "[distribution]") {
  test::Parts parts{broker::Durability::none, 2};
  const auto update = [&](std::uint64_t count, std::string_view payload) {
    const broker::MessageView view{"a", mqtt::as_bytes(payload), {}, {}, true, std::nullopt};
    PeerPublish told{broker::SharedMessage::copy_of(view), {count, 1}, nullptr, {}};
    parts.distribution.on_peer(ShardIndex{1}, told);
  };
  update(8, "late");
  update(7, "early");
  CHECK(mqtt::as_text(parts.retained.find("a")->message->payload()) == "late");
  // Updates of this shard come after all that it has seen.
  parts.distribution.publish_own("a", "own", true);
  CHECK(mqtt::as_text(parts.retained.find("a")->message->payload()) == "own");
}
