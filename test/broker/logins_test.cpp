#include "broker/logins.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/core/homes.h"
#include "broker/wire/framer.h"
#include "test/broker/fixture.h"

namespace {

using broker::Connection;
using broker::LoginRequest;
using broker::Logins;
using broker::Verdict;
using mqtt::Reason;
using Outcome = Logins::Outcome;

test::ConnectOptions with_password() {
  test::ConnectOptions options;
  options.user_name = "alice";
  options.password = "secret";
  return options;
}

/// A connection whose CONNECT, and a PINGREQ behind it, have come.
struct Scene {
  explicit Scene(std::string_view client_id = "sensor",
                 const test::ConnectOptions& connect_options = with_password()) {
    options.listeners.resize(1);
    connect = test::connect(client_id, connect_options);
    connection.tail.append(connect + test::pingreq());
    connection.promises.maximum_packet_size_bytes = options.limits.max_packet_size_bytes;
    connection.address = "192.0.2.1";
  }

  /// The request to the loop.
  LoginRequest ask() {
    const auto frame = mqtt::next_frame(connection.tail.view(), connect.size());
    auto packet = mqtt::decode_connect((*frame)->body, (*frame)->flags);
    rules.identify(connection, *packet);
    logins.ask(connection, *packet);
    return take_request();
  }
  LoginRequest take_request() {
    std::vector<LoginRequest> requests = outbox.take_logins();
    REQUIRE(requests.size() == 1);
    return std::move(requests[0]);
  }
  [[nodiscard]] bool asked() { return !outbox.take_logins().empty(); }
  [[nodiscard]] bool keeps_password() const {
    return mqtt::as_text(connection.tail.view()).find("secret") != std::string_view::npos;
  }

  broker::ShardOptions options;
  broker::Outbox outbox;
  broker::ConnectRules rules{options.limits, options.listeners};
  Logins logins{options, rules, outbox};
  Connection connection{{0, 1}, 0};
  std::string connect;
};

const Verdict wrong_password{Reason::not_authorized, nullptr, "wrong password"};

}  // namespace

TEST_CASE("a login is asked for with what the CONNECT says", "[logins]") {
  Scene scene;
  const LoginRequest request = scene.ask();
  CHECK(scene.connection.stage == Connection::Stage::awaiting_verdict);
  CHECK(request.connection == scene.connection.id);
  CHECK(request.client_id == "sensor");
  CHECK(request.user == "alice");
  REQUIRE(request.password);
  CHECK(request.password->text() == "secret");
  CHECK(request.address == "192.0.2.1");
  CHECK_FALSE(request.verified);
}

TEST_CASE("a user that TLS has proved needs no password", "[logins]") {
  Scene scene;
  scene.options.listeners[0].user_name_from_tls = true;
  scene.connection.texts().tls_user_name = broker::HeapText("bob");
  const LoginRequest request = scene.ask();
  CHECK(request.verified);
  CHECK(request.user == "bob");
  CHECK_FALSE(request.password);
}

TEST_CASE("a verdict decides, and the password is wiped", "[logins]") {
  Scene scene;
  static_cast<void>(scene.ask());
  CHECK(scene.keeps_password());
  const bool good = GENERATE(true, false);
  const auto decision = scene.logins.decided(scene.connection, good ? Verdict{} : wrong_password);
  CHECK(decision.outcome == (good ? Outcome::accepted : Outcome::denied));
  CHECK(decision.packet.client_id == "sensor");
  CHECK(decision.packet_bytes == scene.connect.size());
  CHECK(scene.connection.stage == Connection::Stage::expecting_connect);
  CHECK_FALSE(scene.keeps_password());
  if (!good) {
    CHECK(decision.failure.reason == Reason::not_authorized);
    CHECK(decision.failure.what == "not authorised");
  }
}

TEST_CASE("a verdict from before a reload is asked for again", "[logins]") {
  Scene scene;
  static_cast<void>(scene.ask());
  scene.logins.outdate();
  const bool good = GENERATE(true, false);
  const Verdict verdict = good ? Verdict{} : wrong_password;
  CHECK(scene.logins.decided(scene.connection, verdict).outcome == Outcome::asked_again);
  CHECK(scene.connection.stage == Connection::Stage::awaiting_verdict);
  CHECK(scene.keeps_password());
  CHECK(scene.take_request().password->text() == "secret");
  CHECK(scene.logins.decided(scene.connection, Verdict{}).outcome == Outcome::accepted);
  CHECK_FALSE(scene.asked());
}

TEST_CASE("a CONNECT that a reload made unfit is refused, and not asked for again", "[logins]") {
  Scene scene;
  static_cast<void>(scene.ask());
  scene.options.listeners[0].accept_v5_0 = false;
  scene.logins.outdate();
  const auto decision = scene.logins.decided(scene.connection, wrong_password);
  CHECK(decision.outcome == Outcome::unfit);
  CHECK(decision.failure.reason == Reason::unsupported_protocol_version);
  CHECK_FALSE(scene.asked());
  CHECK_FALSE(scene.keeps_password());
}

TEST_CASE("a client whose name a reload moved to another shard is refused", "[logins]") {
  Scene scene;
  scene.options.shards = 64;
  scene.options.index = broker::Homes(scene.options.home_key, 64).of("sensor");
  static_cast<void>(scene.ask());
  scene.options.listeners[0].use_username_as_clientid = true;
  scene.logins.outdate();
  REQUIRE(broker::Homes(scene.options.home_key, 64).of("alice") != scene.options.index);
  const auto decision = scene.logins.decided(scene.connection, Verdict{});
  CHECK(decision.outcome == Outcome::unfit);
  CHECK(decision.failure.reason == Reason::server_busy);
}
