#include "broker/pressure.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "test/broker/parts.h"

namespace {

using broker::Connection;
using broker::ConnectionId;
using broker::SharedMemory;
using Client = test::ConnectedClient;
using Ids = std::vector<ConnectionId>;

/// Two clients, and little room for packets that wait for the disk.
struct Scene {
  Scene() { limits.max_uncommitted_bytes = 100; }

  [[nodiscard]] bool waits(Client& client, const mqtt::Publish& packet) {
    return pressure.has_to_wait(client.connection, packet);
  }

  test::Parts parts;
  broker::Limits& limits = parts.limits;
  broker::Holdings& holdings = parts.holdings;
  SharedMemory& memory = parts.commons.memory;
  broker::Pressure& pressure = parts.pressure;
  Client v3{parts, 1, mqtt::Version::v3_1_1, "v3"};
  Client v5{parts, 2, mqtt::Version::v5_0, "v5"};
};

mqtt::Publish publish(mqtt::Qos qos, bool retain = false) {
  mqtt::Publish packet;
  packet.topic = "t";
  packet.payload = mqtt::as_bytes("1");
  packet.qos = qos;
  packet.retain = retain;
  return packet;
}

const mqtt::Publish qos0 = publish(mqtt::Qos::at_most_once);
const mqtt::Publish qos0_retained = publish(mqtt::Qos::at_most_once, true);
const mqtt::Publish qos1 = publish(mqtt::Qos::at_least_once);

/// A PINGREQ-like packet of so many bytes, which begin with its number.
std::string packet_of(char number, std::size_t body_bytes = 1) {
  return std::string("\x30") + static_cast<char>(body_bytes) + std::string(body_bytes, number);
}

void park(broker::Pressure& pressure, Connection& connection, const std::string& packet) {
  const mqtt::Bytes bytes = mqtt::as_bytes(packet);
  pressure.park(connection, **mqtt::next_frame(bytes, bytes.size()));
}

}  // namespace

TEST_CASE("the journal is behind at its limit, until half of that is written", "[pressure]") {
  Scene scene;
  CHECK_FALSE(scene.pressure.journal_is_behind());
  scene.holdings.charge(99);
  CHECK_FALSE(scene.pressure.journal_is_behind());
  scene.holdings.charge(1);
  CHECK(scene.pressure.journal_is_behind());
  scene.limits.max_uncommitted_bytes = 199;
  CHECK(scene.pressure.journal_is_behind());
  scene.limits.max_uncommitted_bytes = 202;
  CHECK_FALSE(scene.pressure.journal_is_behind());
  scene.limits.max_uncommitted_bytes = 101;
  CHECK_FALSE(scene.pressure.journal_is_behind());
}

TEST_CASE("what is to be stored waits for the journal, and QoS 0 does not", "[pressure]") {
  Scene scene;
  scene.holdings.charge(100);
  CHECK(scene.waits(scene.v5, qos1));
  CHECK(scene.waits(scene.v5, qos0_retained));
  CHECK_FALSE(scene.waits(scene.v5, qos0));
}

TEST_CASE("a packet waits behind another of its connection, whatever its QoS", "[pressure]") {
  Scene scene;
  park(scene.pressure, scene.v5.connection, packet_of('1'));
  CHECK(scene.waits(scene.v5, qos0));
  CHECK_FALSE(scene.waits(scene.v3, qos0));
}

TEST_CASE("memory that is charged is taken off what all shards share", "[pressure]") {
  Scene scene;
  scene.memory.headroom_bytes = 2 * SharedMemory::step_bytes;
  scene.pressure.charge(SharedMemory::step_bytes - 1);
  CHECK(scene.memory.headroom_bytes == 2 * SharedMemory::step_bytes);
  scene.pressure.charge(1);
  CHECK(scene.memory.headroom_bytes == SharedMemory::step_bytes);
  CHECK(scene.pressure.is_over());
  scene.pressure.charge(SharedMemory::step_bytes);
  CHECK(scene.pressure.memory_is_short());
  CHECK_FALSE(scene.pressure.is_over());
  scene.memory.headroom_bytes = 1;
  scene.pressure.look_at_memory();
  CHECK(scene.pressure.is_over());
}

TEST_CASE("memory without a limit is never short", "[pressure]") {
  Scene scene;
  scene.pressure.charge(10 * SharedMemory::step_bytes);
  CHECK(scene.memory.headroom_bytes == SharedMemory::unlimited);
  CHECK(scene.pressure.is_over());
}

TEST_CASE("without memory 5.0 is refused, and earlier versions wait", "[pressure]") {
  Scene scene;
  scene.memory.headroom_bytes = 0;
  CHECK(scene.waits(scene.v3, qos1));
  CHECK_FALSE(scene.waits(scene.v5, qos1));
  CHECK(scene.pressure.refuses(scene.v5.connection, qos1));
  CHECK(scene.pressure.refuses(scene.v3.connection, qos0_retained));
  CHECK_FALSE(scene.pressure.refuses(scene.v3.connection, qos0));
}

TEST_CASE("without memory retained messages can be removed", "[pressure]") {
  Scene scene;
  scene.memory.headroom_bytes = 0;
  scene.pressure.look_at_memory();
  mqtt::Publish removal = publish(mqtt::Qos::at_least_once, true);
  removal.payload = {};
  CHECK_FALSE(scene.pressure.refuses(scene.v5.connection, removal));
}

TEST_CASE("packets come back whole and in order", "[pressure]") {
  Scene scene;
  park(scene.pressure, scene.v3.connection, packet_of('1'));
  park(scene.pressure, scene.v5.connection, packet_of('2'));
  park(scene.pressure, scene.v3.connection, packet_of('3'));
  CHECK(scene.pressure.has_parked());
  CHECK(scene.pressure.take_parked() == Ids{scene.v3.connection.id, scene.v5.connection.id});
  CHECK_FALSE(scene.pressure.has_parked());
  const auto packets = scene.pressure.unpark(scene.v3.connection);
  REQUIRE(packets != nullptr);
  CHECK(mqtt::as_text(packets->view()) == packet_of('1') + packet_of('3'));
  CHECK(scene.pressure.unpark(scene.v3.connection) == nullptr);
  scene.pressure.remember(scene.v5.connection.id);
  CHECK(scene.pressure.take_parked() == Ids{scene.v5.connection.id});
}

TEST_CASE("there is room for so many packets of one connection, and of all", "[pressure]") {
  Scene scene;
  const std::string packet = packet_of('1', 100);
  const auto fill = [&](Client& client) {
    while (scene.pressure.has_room_for(client.connection)) {
      park(scene.pressure, client.connection, packet);
    }
  };
  fill(scene.v3);
  CHECK(scene.v3.connection.parked->size() > 65'536);
  CHECK(scene.v3.connection.parked->size() <= 65'536 + packet.size());
  CHECK(scene.pressure.has_room_for(scene.v5.connection));
  std::vector<std::unique_ptr<Client>> others;
  for (std::uint32_t slot = 3; slot < 3 + 63; ++slot) {
    others.push_back(
        std::make_unique<Client>(scene.parts, slot, mqtt::Version::v5_0, std::to_string(slot)));
    fill(*others.back());
  }
  park(scene.pressure, scene.v5.connection, packet);
  CHECK_FALSE(scene.pressure.has_room_for(scene.v5.connection));
  static_cast<void>(scene.pressure.unpark(scene.v3.connection));
  CHECK(scene.pressure.has_room_for(scene.v5.connection));
}
