#include "broker/input.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/broker/parts.h"

namespace {

using broker::Connection;
using broker::Next;
using mqtt::Frame;
using Types = std::vector<mqtt::PacketType>;

const std::string ping = test::pingreq();
const std::string leave = test::disconnect();
constexpr auto pingreq = mqtt::PacketType::pingreq;
constexpr auto disconnect = mqtt::PacketType::disconnect;

/// A client that is connected; packets are noted, and `next` follows each.
struct Scene {
  Scene() { client.connection.promises.maximum_packet_size_bytes = 100; }

  auto handler() {
    return [this](Connection& connection, const Frame& frame, mqtt::Bytes /*unread*/) {
      handled.push_back(frame.type);
      if (next == Next::stop) {
        parts.disconnects.end(connection, broker::WillFate::discard, broker::CloseHow::normal);
      }
      if (next == Next::wait) {
        connection.work = std::make_unique<broker::PacketWork>(mqtt::PacketType::subscribe,
                                                               mqtt::SubscribeHead{});
      }
      return next;
    };
  }
  bool receive(const std::string& bytes) {
    return input.receive(client.connection, mqtt::as_bytes(bytes), handler());
  }
  [[nodiscard]] bool gone() const { return parts.connections.find({1, 1}) == nullptr; }
  [[nodiscard]] std::string_view tail() const {
    return mqtt::as_text(client.connection.tail.view());
  }

  test::Parts parts{broker::Durability::commit};
  test::ConnectedClient client{parts, 1, mqtt::Version::v5_0};
  broker::Input input{parts.connections, parts.outbox,      parts.pressure, parts.forwards,
                      parts.reading,     parts.disconnects, parts.log,      parts.turn};
  Next next = Next::go_on;
  Types handled;
};

}  // namespace

TEST_CASE("bytes are cut into packets, wherever they are cut when they come", "[input]") {
  Scene scene;
  const std::string all = ping + ping + leave;
  const std::size_t piece = GENERATE(1U, 2U, 3U, 6U);
  for (std::size_t at = 0; at < all.size(); at += piece) {
    CHECK(scene.receive(all.substr(at, piece)));
  }
  CHECK(scene.handled == Types{pingreq, pingreq, disconnect});
  CHECK(scene.tail().empty());
}

TEST_CASE("after the end of a connection nothing of it is handled", "[input]") {
  Scene scene;
  scene.next = Next::stop;
  CHECK(scene.receive(ping + ping));
  CHECK(scene.handled == Types{pingreq});
  CHECK(scene.gone());
}

TEST_CASE("a packet that takes several turns keeps those behind it waiting", "[input]") {
  Scene scene;
  scene.next = Next::wait;
  CHECK_FALSE(scene.receive(ping + leave));
  CHECK_FALSE(scene.receive(ping));
  CHECK(scene.handled == Types{pingreq});
  CHECK(scene.tail() == leave + ping);
  scene.client.connection.work.reset();
  scene.next = Next::go_on;
  scene.input.resume(scene.client.connection, scene.handler());
  CHECK(scene.handled == Types{pingreq, disconnect, pingreq});
  CHECK(scene.parts.outbox.take_resumes().size() == 1);
}

TEST_CASE("packets wait while the outbox is full", "[input]") {
  Scene scene;
  CHECK_FALSE(scene.input.has_unfinished());
  scene.parts.outbox.charge(std::size_t{32} << 20U);
  scene.receive(ping + leave);
  CHECK(scene.handled.empty());
  REQUIRE(scene.input.has_unfinished());
  scene.parts.outbox.drain_output([](broker::ConnectionId, broker::Output&) {});
  scene.input.go_on(scene.handler());
  CHECK(scene.handled == Types{pingreq, disconnect});
  CHECK_FALSE(scene.input.has_unfinished());
}

TEST_CASE("bytes that are no packet end the connection [MQTT-4.13.1-1]", "[input]") {
  Scene scene;
  SECTION("a type that is not there") { scene.receive(std::string("\x00\x00", 2)); }
  SECTION("one that is too large") {
    scene.receive(std::string("\x30\x7F", 2));
    CHECK(scene.parts.lines.contains("packet too large: 129 bytes"));
  }
  CHECK(scene.gone());
  CHECK(scene.handled.empty());
}

TEST_CASE("bytes behind a CONNECT wait for the verdict on it", "[input]") {
  Scene scene;
  scene.client.connection.stage = Connection::Stage::awaiting_verdict;
  CHECK_FALSE(scene.receive(ping));
  CHECK(scene.handled.empty());
  CHECK(scene.tail() == ping);
}

TEST_CASE("a large CONNECT that is not whole ends where memory is short", "[input]") {
  Scene scene;
  Connection& fresh = scene.parts.connections.open({2, 1}, broker::connection_timer, {});
  fresh.promises.maximum_packet_size_bytes = 100'000;
  scene.parts.commons.memory.headroom_bytes = 0;
  const std::string begin("\x10\xFF\xFF\x02", 4);
  CHECK(scene.input.receive(fresh, mqtt::as_bytes(begin), scene.handler()));
  CHECK(scene.parts.connections.find({2, 1}) == &fresh);
  const std::string more(5000, 'x');
  CHECK(scene.input.receive(fresh, mqtt::as_bytes(more), scene.handler()));
  CHECK(scene.parts.connections.find({2, 1}) == nullptr);
  CHECK(scene.parts.lines.contains("memory_limit is near, and its CONNECT is large."));
}

TEST_CASE("packets that were put aside come back in order once the pressure is over", "[input]") {
  Scene scene;
  for (const std::string& packet : {ping, leave}) {
    scene.parts.pressure.park(scene.client.connection,
                              **mqtt::next_frame(mqtt::as_bytes(packet), 100));
  }
  const auto handle = [&](Connection& /*connection*/, const Frame& frame) {
    scene.handled.push_back(frame.type);
    return Next::go_on;
  };
  scene.parts.limits.max_uncommitted_bytes = 1;
  scene.parts.holdings.charge(1);
  scene.input.handle_parked(handle);
  CHECK(scene.handled.empty());
  scene.parts.limits.max_uncommitted_bytes = 1000;
  scene.input.handle_parked(handle);
  CHECK(scene.handled == Types{pingreq, disconnect});
  CHECK_FALSE(scene.parts.pressure.has_parked());
}
