#include "broker/dismissals.h"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "test/broker/parts.h"

namespace {

using broker::LoginChange;
using Lines = std::vector<std::string>;

class Nothing final : public broker::Permissions {
 public:
  [[nodiscard]] bool allows(broker::Access /*access*/, std::string_view /*topic*/,
                            const broker::Identity& /*client*/) const override {
    return false;
  }
};

class Strict final : public broker::Authority {
 public:
  [[nodiscard]] std::shared_ptr<const broker::Permissions> permissions_of(
      std::uint16_t /*listener*/, std::string_view /*user*/) const override {
    return nothing;
  }
  std::shared_ptr<const broker::Permissions> nothing = std::make_shared<Nothing>();
};

LoginChange gone(std::vector<std::string> users, std::uint16_t listener = 0) {
  LoginChange change;
  change.listener = listener;
  change.users_gone = std::move(users);
  return change;
}

LoginChange changed(std::vector<std::string> users) {
  LoginChange change;
  change.users_changed = std::move(users);
  return change;
}

/// A change of which one flag is set.
LoginChange with(bool LoginChange::* flag) {
  LoginChange change;
  change.*flag = true;
  return change;
}

/// Two users and a client without a user name.
struct Scene {
  Scene() {
    alice.session.user_name = broker::HeapText("alice");
    bob.session.user_name = broker::HeapText("bob");
  }
  /// One walk over all sessions; returns how many clients had to go.
  std::uint64_t sweep(const LoginChange& change) {
    broker::LoginSweep walk;
    while (dismissals.sweep({change}, walk)) continue;
    return walk.dropped;
  }
  [[nodiscard]] bool connected(const test::ConnectedClient& client) const {
    return client.session.connection != nullptr;
  }

  test::Parts parts{broker::Durability::none};
  Strict authority;
  test::ConnectedClient alice{parts, 1, mqtt::Version::v5_0, "a"};
  test::ConnectedClient bob{parts, 2, mqtt::Version::v5_0, "b"};
  test::ConnectedClient guest{parts, 3, mqtt::Version::v5_0, "c"};
  broker::Dismissals dismissals{parts.options,     parts.sessions, parts.router, parts.outbox,
                                parts.disconnects, parts.life,     parts.log};
};

}  // namespace

TEST_CASE("a client whose user is gone has to go", "[dismissals]") {
  Scene scene;
  for (auto* const client : {&scene.alice, &scene.bob, &scene.guest}) {
    client->session.expiry_interval_seconds = 100;
  }
  const auto id = scene.alice.connection.id;
  CHECK(scene.sweep(gone({"alice"})) == 1);
  CHECK_FALSE(scene.connected(scene.alice));
  CHECK(scene.connected(scene.bob));
  CHECK(scene.connected(scene.guest));
  CHECK(test::describe(mqtt::as_text(scene.parts.outbox.output(id).bytes.view()),
                       mqtt::Version::v5_0) == Lines{"DISCONNECT 87"});
  CHECK(scene.parts.lines.contains("disconnected: its user was removed."));
}

TEST_CASE("what a change says decides who has to go", "[dismissals]") {
  const auto [change, count] = GENERATE(table<LoginChange, std::uint64_t>({
      {changed({"alice", "bob"}), 2},
      {with(&LoginChange::anonymous_refused), 1},
      {with(&LoginChange::unchecked_refused), 2},
      {gone({"alice"}, 1), 0},
      {LoginChange(), 0},
  }));
  Scene scene;
  CHECK(scene.sweep(change) == count);
}

TEST_CASE("a client with a user name from TLS stays", "[dismissals]") {
  Scene scene;
  scene.alice.connection.texts().tls_user_name = broker::HeapText("alice");
  CHECK(scene.sweep(changed({"alice"})) == 0);
}

TEST_CASE("clients get their new permissions", "[dismissals]") {
  Scene scene;
  scene.parts.options.authority = &scene.authority;
  CHECK(scene.sweep(with(&LoginChange::access_changed)) == 0);
  CHECK(scene.alice.session.permissions == scene.authority.nothing);
}

TEST_CASE("a walk takes breaks", "[dismissals]") {
  Scene scene;
  for (int i = 0; i < 1000; ++i) scene.parts.sessions.create("s" + std::to_string(i));
  broker::LoginSweep walk;
  CHECK(scene.dismissals.sweep({gone({"alice"})}, walk));
  CHECK(walk.next < scene.parts.sessions.places());
}

TEST_CASE("the administrator disconnects a client", "[dismissals]") {
  Scene scene;
  scene.alice.session.expiry_interval_seconds = 100;
  const auto id = scene.alice.connection.id;
  CHECK(scene.dismissals.disconnect("a"));
  CHECK(test::describe(mqtt::as_text(scene.parts.outbox.output(id).bytes.view()),
                       mqtt::Version::v5_0) == Lines{"DISCONNECT 98"});
  CHECK_FALSE(scene.connected(scene.alice));
  CHECK(scene.connected(scene.bob));
  CHECK(scene.parts.sessions.find("a") != nullptr);
  CHECK(scene.parts.lines.contains("disconnected: by the administrator."));
  CHECK_FALSE(scene.dismissals.disconnect("a"));
  CHECK_FALSE(scene.dismissals.disconnect("nobody"));
}

TEST_CASE("a session is forgotten, its client connected or away", "[dismissals]") {
  const bool connected = GENERATE(true, false);
  Scene scene;
  scene.alice.session.expiry_interval_seconds = 100;
  if (!connected) CHECK(scene.dismissals.disconnect("a"));
  CHECK(scene.dismissals.forget("a"));
  CHECK(scene.parts.sessions.find("a") == nullptr);
  CHECK(scene.parts.sessions.find("b") != nullptr);
  CHECK_FALSE(scene.dismissals.forget("a"));
}

TEST_CASE("a session that lasts no longer than its connection is forgotten", "[dismissals]") {
  Scene scene;
  CHECK(scene.dismissals.forget("a"));
  CHECK(scene.parts.sessions.find("a") == nullptr);
}
