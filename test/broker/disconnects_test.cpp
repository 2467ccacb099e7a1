#include "broker/disconnects.h"

#include <catch2/catch.hpp>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "test/broker/parts.h"

namespace {

using broker::CloseHow;
using broker::Next;
using broker::WillFate;
using mqtt::Reason;
using mqtt::Version;
using Lines = std::vector<std::string>;

/// A client that is connected, with a session that lasts.
struct Scene {
  explicit Scene(Version version = Version::v5_0)
      : client(parts, 1, version), id(client.connection.id) {
    client.session.expiry_interval_seconds = 100;
  }
  [[nodiscard]] bool gone() const { return parts.connections.find(id) == nullptr; }
  [[nodiscard]] std::optional<broker::CloseRequest> asked_to_close() {
    auto all = parts.outbox.take_closes();
    if (all.empty()) return std::nullopt;
    return std::move(all[0]);
  }
  [[nodiscard]] std::string_view bytes() {
    return mqtt::as_text(parts.outbox.output(id).bytes.view());
  }
  [[nodiscard]] Lines output() { return test::describe(bytes(), Version::v5_0); }

  test::Parts parts{broker::Durability::none};
  test::ConnectedClient client;
  broker::ConnectionId id;
};

}  // namespace

TEST_CASE("a session goes on alone when its connection ends", "[disconnects]") {
  Scene scene;
  scene.parts.connections.set_queued(scene.client.connection, 10);
  scene.parts.disconnects.end(scene.client.connection, WillFate::publish, std::nullopt);
  CHECK(scene.gone());
  CHECK(scene.client.session.connection == nullptr);
  CHECK(scene.client.session.away);
  CHECK(scene.parts.metrics.clients_connected == 0);
  CHECK(scene.parts.metrics.unsent_bytes == 0);
  CHECK_FALSE(scene.asked_to_close());
}

TEST_CASE("a connection without session ends without a trace", "[disconnects]") {
  Scene scene;
  auto& stranger = scene.parts.connections.open({2, 1}, 0, {});
  scene.parts.disconnects.end(stranger, WillFate::discard, CloseHow::policy, "too late");
  const auto close = scene.asked_to_close();
  REQUIRE(close);
  CHECK(close->connection == broker::ConnectionId{2, 1});
  CHECK(close->why == "too late");
  CHECK(scene.parts.metrics.clients_connected == 1);
}

TEST_CASE("a client that breaks the protocol is told why [MQTT-4.13.1-1]", "[disconnects]") {
  Scene scene;
  CHECK(scene.parts.disconnects.fail(scene.client.connection,
                                     {Reason::malformed_packet, "it is broken"}) == Next::stop);
  CHECK(scene.output() == Lines{"DISCONNECT 81"});
  CHECK(scene.bytes().ends_with("it is broken"));  // the reason string
  CHECK(scene.asked_to_close()->how == CloseHow::protocol_error);
  CHECK(scene.parts.lines.contains("disconnected: it is broken."));
}

TEST_CASE("before 5.0, and before CONNACK, there is no DISCONNECT", "[disconnects]") {
  Scene scene(GENERATE(Version::v3_1_1, Version::v5_0));
  if (scene.client.connection.version == Version::v5_0) {
    scene.client.connection.stage = broker::Connection::Stage::expecting_connect;
  }
  scene.parts.disconnects.dismiss(scene.client.connection, Reason::quota_exceeded, "its queue");
  CHECK(scene.output().empty());
  CHECK(scene.asked_to_close()->how == CloseHow::policy);
}

TEST_CASE("a reason code that says it all goes alone", "[disconnects]") {
  Scene scene;
  scene.parts.disconnects.dismiss(scene.client.connection, Reason::session_taken_over, "another");
  CHECK(scene.output() == Lines{"DISCONNECT 8E"});
  CHECK(scene.asked_to_close()->why == "another");
}

TEST_CASE("a packet that is too large is told with its size", "[disconnects]") {
  Scene scene;
  scene.client.connection.promises.maximum_packet_size_bytes = 100;
  CHECK(scene.parts.disconnects.fail_too_large(scene.client.connection, 1234) == Next::stop);
  CHECK(scene.parts.lines.contains("packet too large: 1234 bytes, max_packet_size is 100."));
  CHECK(scene.asked_to_close()->how == CloseHow::too_big);
}

TEST_CASE("a will stays where it belongs when a connection ends", "[disconnects]") {
  const auto [fate, kept] = GENERATE(table<WillFate, bool>(
      {{WillFate::publish, false}, {WillFate::discard, false}, {WillFate::keep, true}}));
  Scene scene;
  scene.client.connection.address = "192.0.2.1";
  scene.client.session.will = std::make_unique<broker::StoredWill>();
  scene.client.session.will->message = broker::MessageRef::copy_of(
      {"w", mqtt::as_bytes("gone"), {}, mqtt::Qos{}, false, std::nullopt});
  scene.parts.disconnects.end(scene.client.connection, fate, CloseHow::normal);
  CHECK((scene.client.session.will != nullptr) == kept);
  REQUIRE(scene.client.session.away);
  CHECK(scene.client.session.away->address.view() == "192.0.2.1");
}
