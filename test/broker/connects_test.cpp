#include "broker/connects.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/wire/framer.h"
#include "test/broker/parts.h"

namespace {

using broker::Connection;
using broker::Connects;
using broker::Next;
using mqtt::Reason;
using mqtt::Version;
using Decided = Connects::Decided;
using Lines = std::vector<std::string>;

/// A connection that is new.
struct Scene {
  explicit Scene(std::uint32_t shards = 1) : parts(broker::Durability::none, shards) {
    parts.options.listeners[0].open_to_all = true;
    connection.promises.maximum_packet_size_bytes = 1000;
    connection.address = "192.0.2.1";
  }
  /// As Input does it: the CONNECT is read again after a verdict.
  Next take(std::string_view client_id, const test::ConnectOptions& options = {}) {
    bytes = test::connect(client_id, options);
    const auto frame = mqtt::next_frame(mqtt::as_bytes(bytes), bytes.size());
    const Next next = connects.take(connection, **frame, mqtt::as_bytes(bytes));
    if (next == Next::go_on && connection.stage == Connection::Stage::awaiting_verdict) {
      connection.tail.append(bytes);
    }
    return next;
  }
  [[nodiscard]] bool gone() const { return parts.connections.find({1, 1}) == nullptr; }
  [[nodiscard]] Lines output() {
    return test::describe(mqtt::as_text(parts.outbox.output({1, 1}).bytes.view()), Version::v3_1_1);
  }

  test::Parts parts;
  Connection& connection = parts.connections.open({1, 1}, broker::connection_timer, {});
  Connects connects{parts.options,     parts.homes,    parts.connect_rules, parts.commits,
                    parts.connections, parts.sessions, parts.outbox,        parts.metrics,
                    parts.sender,      parts.pressure, parts.life,          parts.start,
                    parts.disconnects, parts.replies,  parts.log,           parts.turn};
  std::string bytes;
};

const test::ConnectOptions old{.version = Version::v3_1_1};
const broker::Verdict denied{Reason::not_authorized, nullptr, "wrong password"};

}  // namespace

TEST_CASE("where everybody may come in, a CONNECT is accepted at once [MQTT-3.1.4-5]",
          "[connects]") {
  Scene scene;
  CHECK(scene.take("c", old) == Next::go_on);
  CHECK(scene.output() == Lines{"CONNACK 0 00"});
  CHECK(scene.parts.sessions.find("c")->connection == &scene.connection);
  CHECK(scene.parts.lines.contains("New client connected"));
}

TEST_CASE("a client without identifier gets one [MQTT-3.1.3-6]", "[connects]") {
  Scene scene;
  CHECK(scene.take("", old) == Next::go_on);
  CHECK(scene.connection.session->client_id.view().size() >= 36);
}

TEST_CASE("a CONNECT that breaks a rule is answered, and the connection closes", "[connects]") {
  Scene scene;
  SECTION("the version is not accepted") {
    scene.parts.options.listeners[0].accept_v3_1_1 = false;
    CHECK(scene.take("c", old) == Next::stop);
    CHECK(scene.output() == Lines{"CONNACK 0 01"});
  }
  SECTION("memory is short") {
    scene.parts.commons.memory.headroom_bytes = 0;
    CHECK(scene.take("c", old) == Next::stop);
    CHECK(scene.output() == Lines{"CONNACK 0 03"});
  }
  SECTION("a limit on connections is reached") {
    scene.connection.refusal = Reason::server_busy;
    CHECK(scene.take("c", old) == Next::stop);
    CHECK(scene.output() == Lines{"CONNACK 0 03"});
  }
  CHECK(scene.gone());
}

TEST_CASE("a will to $CONTROL closes the connection without an answer", "[connects]") {
  Scene scene;
  test::ConnectOptions options = old;
  options.will_topic = "$CONTROL/x";
  CHECK(scene.take("c", options) == Next::stop);
  CHECK(scene.output().empty());
  CHECK(scene.gone());
}

TEST_CASE("a client that is at home elsewhere moves, with all that it sent", "[connects]") {
  Scene scene(64);
  std::string client_id = "c";
  while (scene.parts.homes.of(client_id) == broker::ShardIndex{0}) client_id += "c";
  CHECK(scene.take(client_id, old) == Next::stop);
  CHECK(scene.gone());
  const auto handoffs = scene.parts.outbox.take_handoffs();
  REQUIRE(handoffs.size() == 1);
  CHECK(handoffs[0].home == scene.parts.homes.of(client_id));
  CHECK(handoffs[0].unread.size() == scene.bytes.size());
}

TEST_CASE("a login is asked for, and the verdict decides [MQTT-3.1.4-2]", "[connects]") {
  Scene scene;
  scene.parts.options.listeners[0].open_to_all = false;
  CHECK(scene.take("c", old) == Next::go_on);
  CHECK(scene.output().empty());
  REQUIRE(scene.parts.outbox.take_logins().size() == 1);
  scene.connection.tail.append(std::string_view("more"));
  SECTION("accepted") {
    CHECK(scene.connects.decided(scene.connection, {}) == Decided::accepted);
    CHECK(mqtt::as_text(scene.connection.tail.view()) == "more");
    CHECK(scene.output() == Lines{"CONNACK 0 00"});
  }
  SECTION("denied") {
    CHECK(scene.connects.decided(scene.connection, denied) == Decided::refused);
    CHECK(scene.gone());
    CHECK(scene.output() == Lines{"CONNACK 0 05"});
    CHECK(scene.parts.lines.contains("(wrong password) disconnected, not authorised."));
  }
  SECTION("asked for again after a reload") {
    scene.connects.outdate_logins();
    CHECK(scene.connects.decided(scene.connection, denied) == Decided::asked_again);
    CHECK(scene.parts.outbox.take_logins().size() == 1);
    CHECK(scene.connects.decided(scene.connection, {}) == Decided::accepted);
  }
}
