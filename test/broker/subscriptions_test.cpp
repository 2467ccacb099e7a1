#include "broker/subscriptions.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/wire/framer.h"
#include "test/broker/parts.h"

namespace {

using broker::Subscriptions;
using mqtt::Version;
using Texts = std::vector<std::string>;
using Handled = Subscriptions::Handled;

/// A SUBSCRIBE with QoS 1 for all, or an UNSUBSCRIBE, of 5.0.
std::string packet(mqtt::PacketType type, const Texts& filters) {
  constexpr mqtt::PacketId id{10};
  if (type == mqtt::PacketType::unsubscribe) {
    return test::encoded(
        mqtt::Unsubscribe{.packet_id = id, .filters = {filters.begin(), filters.end()}});
  }
  mqtt::Subscribe subscribe{.packet_id = id};
  for (const std::string& filter : filters) {
    subscribe.entries.push_back({.filter = filter, .qos = mqtt::Qos::at_least_once});
  }
  return test::encoded(subscribe);
}

/// Subscriptions, and one client that has some.
struct Scene {
  test::Parts parts{broker::Durability::none};
  test::ConnectedClient client{parts, 1, Version::v5_0};

  std::optional<mqtt::Failure> begin(const std::string& bytes) {
    const auto frame = mqtt::next_frame(mqtt::as_bytes(bytes), bytes.size(), Version::v5_0);
    return parts.subscriptions.begin(client.connection, **frame);
  }
  /// Handles a packet to its end; returns in how many turns.
  int handle(mqtt::PacketType type, const Texts& filters) {
    const std::string bytes = packet(type, filters);
    REQUIRE_FALSE(begin(bytes));
    int turns = 1;
    for (;; ++turns) {
      parts.turn.begin();
      const auto handled = parts.subscriptions.go_on(client.connection);
      REQUIRE(handled);
      if (*handled == Handled::done) break;
    }
    client.connection.work.reset();
    return turns;
  }
  [[nodiscard]] Texts filters() const {
    Texts all;
    parts.subscriptions.for_each(
        client.session,
        [&](const std::string& filter, const broker::Subscriber&) { all.push_back(filter); });
    return all;
  }
};

constexpr auto subscribe = mqtt::PacketType::subscribe;
constexpr auto unsubscribe = mqtt::PacketType::unsubscribe;

}  // namespace

TEST_CASE("SUBSCRIBE adds its filters and is answered, UNSUBSCRIBE removes them",
          "[subscriptions]") {
  Scene scene;
  CHECK(scene.handle(subscribe, {"a/+", "b"}) == 1);
  CHECK(scene.filters() == Texts{"a/+", "b"});
  CHECK(scene.handle(unsubscribe, {"a/+", "c"}) == 1);
  CHECK(scene.filters() == Texts{"b"});
  CHECK(scene.client.output(scene.parts) == Texts{"SUBACK m10 01 01", "UNSUBACK m10 00 11"});
}

TEST_CASE("a packet with a bad filter changes nothing [MQTT-4.7.1-1]", "[subscriptions]") {
  Scene scene;
  const std::string bytes = packet(subscribe, {"a", "b#"});
  REQUIRE_FALSE(scene.begin(bytes));
  CHECK_FALSE(scene.parts.subscriptions.go_on(scene.client.connection));
  CHECK(scene.filters().empty());
}

TEST_CASE("a packet with more filters than a turn has steps takes several", "[subscriptions]") {
  Scene scene;
  Texts many;
  for (int i = 0; i < 3000; ++i) many.push_back("t/" + std::to_string(i));
  CHECK(scene.handle(subscribe, many) > 3);
  CHECK(scene.filters().size() == 3000);
  broker::MembershipList::Number next = 1;
  scene.parts.turn.begin();
  int turns = 1;
  for (; !scene.parts.subscriptions.end_all(scene.client.session, next); ++turns) {
    scene.parts.turn.begin();
  }
  CHECK(turns == 3);
  CHECK(scene.filters().empty());
}

TEST_CASE("the row of each subscription has its terms", "[subscriptions]") {
  Scene scene;
  scene.handle(subscribe, {"a/+"});
  broker::JournalBatch batch;
  scene.parts.subscriptions.rewrite(scene.client.session, 0, batch);
  REQUIRE(batch.subscriptions.size() == 1);
  CHECK(batch.text(batch.subscriptions[0].filter) == "a/+");
  CHECK(batch.subscriptions[0].qos == mqtt::Qos::at_least_once);
}
