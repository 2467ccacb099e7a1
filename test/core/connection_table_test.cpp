#include "broker/core/connection_table.h"

#include <catch2/catch.hpp>
#include <vector>

using broker::Connection;
using broker::ConnectionId;

namespace {

struct Scene {
  Connection& open(std::uint32_t slot, std::uint32_t generation = 1) {
    return table.open({slot, generation}, 0, broker::Instant{});
  }
  [[nodiscard]] std::vector<std::uint32_t> slots() {
    std::vector<std::uint32_t> all;
    table.for_each([&](const Connection& connection) { all.push_back(connection.id.slot); });
    return all;
  }

  broker::Metrics metrics;
  broker::ConnectionTable table{metrics};
};

}  // namespace

TEST_CASE("a connection is found by its name until it is removed", "[connection_table]") {
  Scene scene;
  Connection& connection = scene.open(3);
  CHECK(scene.table.find({3, 1}) == &connection);
  CHECK(scene.table.find({2, 1}) == nullptr);
  CHECK(scene.table.find({4, 1}) == nullptr);
  scene.table.remove(connection);
  CHECK(scene.table.find({3, 1}) == nullptr);
}

TEST_CASE("an event for an earlier connection of a slot finds none", "[connection_table]") {
  Scene scene;
  scene.table.remove(scene.open(3));
  Connection& next = scene.open(3, 2);
  CHECK(scene.table.find({3, 1}) == nullptr);
  CHECK(scene.table.find({3, 2}) == &next);
}

TEST_CASE("what sockets have not taken is summed up", "[connection_table]") {
  Scene scene;
  Connection& one = scene.open(1);
  Connection& other = scene.open(2);
  scene.table.set_queued(one, 100);
  scene.table.set_queued(other, 10);
  scene.table.set_queued(one, 70);
  CHECK(scene.metrics.sockets_behind == 2);
  CHECK(scene.metrics.unsent_bytes == 80);
  scene.table.set_queued(other, 0);
  CHECK(scene.metrics.sockets_behind == 1);
  scene.table.remove(one);
  CHECK(scene.metrics.sockets_behind == 0);
  CHECK(scene.metrics.unsent_bytes == 0);
}

TEST_CASE("a walk may remove the connection that it is at", "[connection_table]") {
  Scene scene;
  for (const std::uint32_t slot : {1U, 4U, 6U}) scene.open(slot);
  scene.table.for_each([&](Connection& connection) {
    if (connection.id.slot == 4) scene.table.remove(connection);
  });
  CHECK(scene.slots() == std::vector<std::uint32_t>{1, 6});
}
