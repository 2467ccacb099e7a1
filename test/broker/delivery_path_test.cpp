#include "broker/delivery_path.h"

#include <catch2/catch.hpp>
#include <string>
#include <variant>
#include <vector>

#include "test/broker/fixture.h"

namespace {

using Lines = std::vector<std::string>;

broker::ShardOptions options_of(std::uint32_t shards) {
  broker::ShardOptions options;
  options.shards = shards;
  options.durability = broker::Durability::commit;
  options.listeners.resize(1);
  return options;
}

/// The first of two shards, with a client that subscribes to "t".
struct Scene {
  Scene() {
    client.session = &tables.sessions.create("c");
    client.session->connection = &client;
    client.stage = broker::Connection::Stage::connected;
    broker::Subscriber subscriber;
    subscriber.index = static_cast<std::uint32_t>(client.session->index);
    tables.router.subscribe("t", subscriber);
  }
  void publish(bool retain) {
    path.distribution.publish({"t", mqtt::as_bytes("hi"), {}, {}, retain, std::nullopt}, nullptr);
  }

  broker::Commons commons{2};
  test::MemoryLog lines;
  broker::Tables tables{options_of(2), commons};
  broker::DeliveryPath path{tables, lines};
  broker::Connection& client = tables.connections.open({1, 1}, 0, {});
};

}  // namespace

TEST_CASE("a message passes to sessions here", "[delivery_path]") {
  Scene scene;
  scene.publish(false);
  CHECK(test::describe(mqtt::as_text(scene.tables.outbox.output({1, 1}).bytes.view()),
                       mqtt::Version::v3_1_1) == Lines{"PUBLISH q0 r0 d0 m0 t hi"});
  CHECK(scene.tables.peers.empty());
}

TEST_CASE("a retained message passes to other shards, and is noted for the disk",
          "[delivery_path]") {
  Scene scene;
  scene.publish(true);
  CHECK(scene.tables.retained.find("t") != nullptr);
  CHECK(scene.tables.peers.messages(broker::PeerId{1}).size() == 1);
  CHECK(scene.path.commits.pending() == (scene.tables.homes.of("t") == scene.tables.options.index));
}
