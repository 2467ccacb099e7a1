#include "broker/session_life.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "broker/timer_kind.h"
#include "test/broker/parts.h"

namespace {

using broker::Instant;
using broker::Session;
using broker::WillFate;
using mqtt::Version;
using Lines = std::vector<std::string>;

/// A session with a will to "w", and a client that subscribes to that.
struct Scene {
  test::Parts parts{broker::Durability::none};
  test::ConnectedClient watcher{parts, 1, Version::v5_0, "watcher"};
  Session& session{parts.sessions.create("c")};

  Scene() {
    broker::Subscriber subscriber;
    subscriber.index = static_cast<std::uint32_t>(watcher.session.index);
    parts.router.subscribe("w", subscriber);
    session.will = std::make_unique<broker::StoredWill>();
    session.will->message = broker::MessageRef::copy_of(
        {"w", mqtt::as_bytes("gone"), {}, mqtt::Qos{}, false, std::nullopt});
  }
  /// Time goes on, and timers are due.
  void pass(std::int64_t seconds) {
    parts.turn.enter(broker::after_seconds(parts.turn.now(), seconds));
    parts.timers.advance(parts.turn.now(), [this](broker::Timer& timer) {
      auto& owner = *static_cast<Session*>(timer.owner());
      if (timer.kind() == broker::will_delay_timer) return parts.life.publish_will(owner);
      parts.life.expire(owner);
    });
  }
  [[nodiscard]] std::size_t wills() { return watcher.output(parts).size(); }
};

}  // namespace

TEST_CASE(
    "a session without expiry ends with its connection, and its will is published "
    "[MQTT-3.1.2-8]",
    "[session_life]") {
  Scene scene;
  scene.session.will->delay_interval_seconds = 60;
  scene.parts.life.leave_alone(scene.session, WillFate::publish);
  CHECK(scene.parts.sessions.find("c") == nullptr);
  CHECK(scene.wills() == 1);
}

TEST_CASE("a will is published after its delay, once", "[session_life]") {
  Scene scene;
  scene.session.expiry_interval_seconds = 100;
  scene.session.will->delay_interval_seconds = 60;
  scene.parts.life.leave_alone(scene.session, WillFate::publish);
  scene.pass(59);
  CHECK(scene.wills() == 0);
  scene.pass(2);
  CHECK(scene.wills() == 1);
  scene.pass(60);
  CHECK(scene.parts.sessions.find("c") == nullptr);
  CHECK(scene.parts.metrics.clients_expired == 1);
  CHECK(scene.wills() == 1);
}

TEST_CASE("a client that says goodbye has no will [MQTT-3.14.4-3]", "[session_life]") {
  Scene scene;
  scene.parts.life.leave_alone(scene.session, WillFate::discard);
  CHECK(scene.wills() == 0);
}

TEST_CASE("the end of a session with many subscriptions takes several turns", "[session_life]") {
  Scene scene;
  for (int i = 0; i < 3'000; ++i) {
    scene.parts.subscriptions.put_back(scene.session, "", "t/" + std::to_string(i), {});
  }
  scene.parts.life.end(scene.session);
  CHECK(scene.parts.sessions.find("c") == nullptr);
  int turns = 1;
  for (; scene.parts.life.works() > 0; ++turns) {
    scene.parts.turn.begin();
    scene.parts.life.do_work(broker::Turn::steps_max);
  }
  CHECK(turns == 3);
  CHECK(scene.parts.router.subscription_count() == 1);
}
