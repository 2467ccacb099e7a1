#include "broker/core/router.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/access.h"

using broker::Receiver;
using broker::Route;
using broker::Session;
using broker::Subscriber;
using mqtt::Qos;

namespace {

constexpr std::uint64_t hash_key[2] = {1, 2};

/// May read everything but topics that begin with "secret".
class NoSecrets final : public broker::Permissions {
 public:
  [[nodiscard]] bool allows(broker::Access /*access*/, std::string_view topic,
                            const broker::Identity& /*identity*/) const override {
    return !topic.starts_with("secret");
  }
};

struct Scene {
  Subscriber of(const Session& session, Qos qos = Qos::at_most_once, std::uint32_t id = 0) {
    Subscriber made;
    made.index = static_cast<std::uint32_t>(session.index);
    made.qos = qos;
    made.subscription_identifier = id;
    return made;
  }
  /// The client ids of the receivers, and with which QoS.
  std::string receivers(std::string_view topic) {
    std::string text;
    for (const Receiver& one : router.route(topic).receivers) {
      text += std::string(one.session->client_id.view()) +
              std::to_string(static_cast<int>(one.qos)) + " ";
    }
    return text;
  }

  broker::Limits limits;
  broker::SessionTable sessions{hash_key};
  broker::Router router{limits, sessions};
  Session& a{sessions.create("a")};
  Session& b{sessions.create("b")};
};

}  // namespace

TEST_CASE("overlapping subscriptions of a client are one receiver [MQTT-3.3.4-2] [MQTT-3.3.4-3]",
          "[router]") {
  Scene scene;
  scene.router.subscribe("t/+", scene.of(scene.a, Qos::at_least_once, 5));
  scene.router.subscribe("t/#", scene.of(scene.a, Qos::exactly_once, 7));
  scene.router.subscribe("t/x", scene.of(scene.b));
  CHECK(scene.receivers("t/x") == "a2 b0 ");
  const Route& route = scene.router.route("t/x");
  const auto ids = route.ids_of(route.receivers[0]);
  CHECK(std::vector<std::uint32_t>(ids.begin(), ids.end()).size() == 2);
  CHECK(route.ids_of(route.receivers[1]).empty());
}

TEST_CASE("before 5.0 each overlapping subscription may bring a copy", "[router]") {
  Scene scene;
  scene.a.version = mqtt::Version::v3_1_1;
  scene.limits.allow_duplicate_messages = GENERATE(false, true);
  scene.router.subscribe("t/+", scene.of(scene.a));
  scene.router.subscribe("t/#", scene.of(scene.a, Qos::at_least_once));
  CHECK(scene.router.route("t/x").receivers.size() ==
        (scene.limits.allow_duplicate_messages ? 2 : 1));
}

TEST_CASE("a route that is kept follows each change of subscriptions", "[router]") {
  Scene scene;
  CHECK(scene.receivers("t/x").empty());
  scene.router.subscribe("t/x", scene.of(scene.a));
  CHECK(scene.receivers("t/x") == "a0 ");
  scene.router.subscribe("+/x", scene.of(scene.b));
  CHECK(scene.receivers("t/x") == "a0 b0 ");
  scene.router.subscribe("t/x", scene.of(scene.a, Qos::at_least_once));
  CHECK(scene.receivers("t/x") == "a1 b0 ");
  CHECK(scene.router.subscription_count() == 2);
  CHECK(scene.router.unsubscribe("t/x", scene.of(scene.a)));
  CHECK_FALSE(scene.router.unsubscribe("t/x", scene.of(scene.a)));
  CHECK(scene.receivers("t/x") == "b0 ");
  CHECK(scene.router.unsubscribe("+/x", scene.of(scene.b)));
  CHECK(scene.receivers("t/x").empty());
}

TEST_CASE("a subscriber that may not read a topic is no receiver", "[router]") {
  Scene scene;
  for (const char* const filter : {"#", "secret/+"}) {
    scene.router.subscribe(filter, scene.of(scene.a));
  }
  CHECK(scene.receivers("secret/x") == "a0 ");
  scene.a.permissions = std::make_shared<NoSecrets>();
  scene.router.forget_routes();
  CHECK(scene.receivers("secret/x").empty());
  CHECK(scene.router.route("secret/x").denied.size() == 2);  // once for each filter
  CHECK(scene.receivers("open") == "a0 ");
}

TEST_CASE("a No Local subscription brings nothing to its publisher [MQTT-3.8.3-3]", "[router]") {
  Scene scene;
  Subscriber no_local = scene.of(scene.a, Qos::exactly_once);
  no_local.no_local = true;
  scene.router.subscribe("t", no_local);
  scene.router.subscribe("#", scene.of(scene.a, Qos::at_least_once));
  scene.router.subscribe("t", scene.of(scene.b));
  REQUIRE(scene.router.route("t").receivers.size() == 2);
  CHECK(scene.router.route("t").receivers[0].any_no_local);
  const Route& own = scene.router.route_to_publisher("t", scene.a);
  REQUIRE(own.receivers.size() == 1);
  CHECK(own.receivers[0].session == &scene.a);
  CHECK(own.receivers[0].qos == Qos::at_least_once);
}

TEST_CASE("a group is in a route by its number, and topics too long to keep have one, too",
          "[router]") {
  Scene scene;
  Subscriber group;
  group.kind = Subscriber::Kind::group;
  group.index = 9;
  scene.router.subscribe("t/#", group);
  const std::string topic = "t/" + std::string(GENERATE(1U, 5000U), 'x');
  CHECK(scene.router.route(topic).groups == std::vector<std::uint32_t>{9});
  CHECK(scene.router.route(topic).receivers.empty());
}

TEST_CASE("sessions that share topics out have each topic once between them", "[router]") {
  /// Topics that end with a letter.
  class Ending final : public broker::TopicShare {
   public:
    explicit Ending(char letter) : letter_(letter) {}
    [[nodiscard]] bool takes(std::string_view topic) const override {
      return topic.ends_with(letter_);
    }

   private:
    char letter_;
  };
  Scene scene;
  scene.router.subscribe("t/+", scene.of(scene.a));
  scene.router.subscribe("t/+", scene.of(scene.b));
  scene.sessions.share_topics(
      {{"a", std::make_shared<Ending>('x')}, {"c", std::make_shared<Ending>('y')}});
  CHECK(scene.receivers("t/x") == "a0 b0 ");
  CHECK(scene.receivers("t/y") == "b0 ");
  // One that is made later has its share, too.
  scene.router.subscribe("t/+", scene.of(scene.sessions.create("c")));
  CHECK(scene.receivers("t/x") == "a0 b0 ");
  CHECK(scene.receivers("t/y") == "b0 c0 ");
  scene.sessions.share_topics({});
  scene.router.forget_routes();
  CHECK(scene.receivers("t/x") == "a0 b0 c0 ");
}
