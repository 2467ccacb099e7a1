#include "broker/retained_delivery.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/broker/parts.h"

namespace {

using broker::MessageRef;
using broker::PacketWork;
using mqtt::Version;
using Texts = std::vector<std::string>;

/// A SUBSCRIBE for one filter that was granted, and what is retained.
struct Scene {
  test::Parts parts{broker::Durability::none};
  broker::RetainedDelivery delivery{parts.options, parts.ledger,  parts.retained,
                                    parts.sender,  parts.denials, parts.turn};
  test::ConnectedClient client{parts, 1, Version::v5_0};

  void retain(const std::string& topic, const std::string& publisher = {}) {
    std::shared_ptr<broker::Publisher> by;
    if (!publisher.empty())
      by = std::make_shared<broker::Publisher>(broker::Publisher{publisher, "", 0});
    parts.retained.store(
        MessageRef::copy_of({topic, mqtt::as_bytes("hi"), {}, mqtt::Qos{}, true, {}}),
        {++updates, 0}, std::move(by));
  }
  /// Returns in how many turns. `options`: of the subscription, as in SUBSCRIBE.
  int send(const std::string& filter, unsigned options, bool fresh = true) {
    mqtt::ByteBuffer bytes;
    bytes.push_back(0);
    bytes.push_back(static_cast<std::uint8_t>(filter.size()));
    bytes.append(mqtt::as_bytes(filter));
    bytes.push_back(static_cast<std::uint8_t>(options));
    mqtt::SubscribeHead head;
    head.filters = bytes.view();
    PacketWork work(mqtt::PacketType::subscribe, head);
    work.filters = 1;
    work.add({1, mqtt::Reason::success, fresh});
    work.begin(PacketWork::Phase::retained);
    int turns = 1;
    for (; !delivery.send(client.connection, work); ++turns) parts.turn.begin();
    return turns;
  }

  std::uint64_t updates = 0;
};

constexpr unsigned no_local = 0x04;
constexpr unsigned send_if_new = 0x10;
constexpr unsigned do_not_send = 0x20;

}  // namespace

TEST_CASE("a client that subscribes gets what is retained, with RETAIN 1 [MQTT-3.3.1-8]",
          "[retained_delivery]") {
  Scene scene;
  scene.retain("a/b");
  scene.retain("c");
  CHECK(scene.send("a/+", 0) == 1);
  CHECK(scene.client.output(scene.parts) == Texts{"PUBLISH q0 r1 d0 m0 a/b hi"});
}

TEST_CASE("Retain Handling says whether it is sent [MQTT-3.3.1-10] [MQTT-3.3.1-11]",
          "[retained_delivery]") {
  Scene scene;
  scene.retain("a");
  scene.send("a", do_not_send);
  scene.send("a", send_if_new, false);
  CHECK(scene.client.output(scene.parts).empty());
  scene.send("a", send_if_new, true);
  CHECK(scene.client.output(scene.parts).size() == 1);
}

TEST_CASE("with No Local a client does not get what it retained itself [MQTT-3.8.3-3]",
          "[retained_delivery]") {
  Scene scene;
  scene.retain("a", "c");
  scene.send("a", no_local);
  CHECK(scene.client.output(scene.parts).empty());
}

TEST_CASE("many retained messages are sent in several turns", "[retained_delivery]") {
  Scene scene;
  for (int i = 0; i < 1500; ++i) scene.retain("t/" + std::to_string(i));
  CHECK(scene.send("t/+", 0) >= 3);
  CHECK(scene.client.output(scene.parts).size() == 1500);
}
