#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "test/broker/fixture.h"

// What a reload changes in a shard that has clients.

namespace {

using broker::LoginChange;
using broker::LoginSweep;
using test::Broker;
using Strings = std::vector<std::string>;

test::ConnectOptions user(std::string_view name) {
  test::ConnectOptions options;
  options.user_name = name;
  return options;
}

broker::ShardChange change_with(const broker::Limits& limits,
                                const broker::ListenerPolicy& policy = Broker::open_policy()) {
  return {limits, {policy}};
}

/// Sweeps to the end, a turn for each slice; returns how many slices that took.
std::size_t sweep(Broker& broker, const std::vector<LoginChange>& changes, LoginSweep& sweep) {
  std::size_t slices = 1;
  while (broker.shard(0).sweep(changes, sweep, broker.now)) {
    broker.settle();
    ++slices;
  }
  broker.settle();
  return slices;
}

}  // namespace

TEST_CASE("only users whose record changed are sent away, and told why", "[shard]") {
  Broker broker;
  broker.now = broker::Instant{2'000'000};
  const auto ann = broker.client("a", user("ann"));
  const auto bob = broker.client("b", user("bob"));
  const auto eve = broker.client("e", user("eve"));
  const auto nobody = broker.client("n");
  for (const auto each : {ann, bob, eve, nobody}) broker.received(each);
  LoginSweep walk;
  LoginChange change;
  change.users_gone = {"eve"};
  change.users_changed = {"bob", "carol"};
  sweep(broker, {change}, walk);
  CHECK(walk.dropped == 2);
  CHECK(broker.closed(eve));
  CHECK(broker.closed(bob));
  CHECK_FALSE(broker.closed(ann));
  CHECK_FALSE(broker.closed(nobody));
  CHECK(broker.received(eve) == Strings{"DISCONNECT 87"});
  CHECK(broker.received(bob) == Strings{"DISCONNECT 98"});
  CHECK(broker.received(ann).empty());
  CHECK(broker.log.contains("Client e ["));
}

TEST_CASE("anonymous clients go, or those whose password nobody asked for", "[shard]") {
  Broker broker;
  const auto ann = broker.client("a", user("ann"));
  const auto nobody = broker.client("n");
  LoginChange change;
  change.anonymous_refused = true;
  LoginSweep first;
  sweep(broker, {change}, first);
  CHECK(broker.closed(nobody));
  CHECK_FALSE(broker.closed(ann));
  change.anonymous_refused = false;
  change.unchecked_refused = true;
  LoginSweep second;
  sweep(broker, {change}, second);
  CHECK(broker.closed(ann));
}

TEST_CASE("clients of another listener are not concerned", "[shard]") {
  Broker broker;
  const auto ann = broker.client("a", user("ann"));
  LoginChange change;
  change.listener = 1;
  change.users_gone = {"ann"};
  change.anonymous_refused = true;
  LoginSweep walk;
  sweep(broker, {change}, walk);
  CHECK(walk.dropped == 0);
  CHECK_FALSE(broker.closed(ann));
}

TEST_CASE("a walk over many sessions takes many turns, and misses nobody", "[shard]") {
  constexpr std::size_t count = 3000;
  Broker broker;
  std::vector<Broker::Client> clients;
  for (std::size_t i = 0; i < count; ++i) {
    clients.push_back(broker.client(std::to_string(i), user(i % 3 == 0 ? "eve" : "ann")));
  }
  LoginChange change;
  change.users_gone = {"eve"};
  LoginSweep walk;
  CHECK(sweep(broker, {change}, walk) > count / 512);
  CHECK(walk.dropped == count / 3);
  for (std::size_t i = 0; i < count; ++i) CHECK(broker.closed(clients[i]) == (i % 3 == 0));
}

TEST_CASE("what CONNACK promised holds for as long as the connection does", "[shard]") {
  Broker broker;
  const auto old = broker.client("old");
  broker.subscribe(old, "t");
  broker.received(old);
  broker::Limits limits;
  limits.max_packet_size_bytes = 100;
  limits.retain_available = false;
  broker::ListenerPolicy policy = Broker::open_policy();
  policy.max_qos = mqtt::Qos::at_most_once;
  broker.shard(0).reconfigure(change_with(limits, policy), broker.now);
  broker.publish(old, "t", std::string(500, 'x'), {.qos = 1, .retain = true});
  CHECK_FALSE(broker.closed(old));
  CHECK(broker.publishes(old).size() == 1);
  const auto fresh = broker.client("fresh");
  broker.publish(fresh, "t", "x", {.qos = 1});
  CHECK(broker.closed(fresh));
}

TEST_CASE("limits that were promised to nobody hold at once", "[shard]") {
  Broker broker;
  const auto client = broker.client("c");
  broker.received(client);
  broker::Limits limits;
  limits.message_size_limit_bytes = 3;
  broker.shard(0).reconfigure(change_with(limits), broker.now);
  broker.publish(client, "t", "four", {.qos = 1});
  CHECK(broker.received(client) == Strings{"PUBACK m1 97"});
}

TEST_CASE("a changed time for CONNECT holds for who waits already", "[shard]") {
  broker::Limits limits;
  limits.connect_timeout_seconds = 10;
  Broker broker(1, limits);
  const auto client = broker.open();
  broker.pass_milliseconds(2000);
  limits.connect_timeout_seconds = GENERATE(1U, 3U, 30U);
  broker.shard(0).reconfigure(change_with(limits), broker.now);
  broker.pass_milliseconds(3000);
  CHECK(broker.closed(client) == (limits.connect_timeout_seconds < 30));
  broker.pass_milliseconds(30'000);
  CHECK(broker.closed(client));
}

namespace {

/// A broker with one client whose login is being decided.
struct Deciding : Broker {
  explicit Deciding(const broker::ListenerPolicy& policy, std::string_view tls_user_name = {},
                    const test::ConnectOptions& options = user("ann"))
      : Broker(1, {}, policy) {
    tls_user = tls_user_name;
    client_ = open();
    feed_once(client_, test::connect("c", options));
  }
  /// The login that the shard asks for now; empty: none.
  std::vector<broker::LoginRequest> asked() { return shard(0).outbox().take_logins(); }
  bool decide(const broker::LoginRequest& request, mqtt::Reason reason) {
    return shard(0).decided(request.connection, {reason, nullptr, "it says so"}, now);
  }
  void reload(const broker::ListenerPolicy& policy) {
    shard(0).reconfigure(change_with({}, policy), now);
  }
  /// The answer to the client.
  Strings answer() {
    settle();
    return received(client_);
  }
  [[nodiscard]] bool gone() const { return closed(client_); }

 private:
  Client client_ = 0;
};

broker::ListenerPolicy asks_for_logins(bool names_from_tls = false) {
  broker::ListenerPolicy policy = Broker::open_policy();
  policy.open_to_all = false;
  policy.user_name_from_tls = names_from_tls;
  return policy;
}

}  // namespace

TEST_CASE("a login that was asked for before a reload is asked for again, once", "[shard]") {
  const auto reason = GENERATE(mqtt::Reason::success, mqtt::Reason::not_authorized,
                               mqtt::Reason::banned, mqtt::Reason::server_busy);
  Deciding broker(asks_for_logins());
  auto asked = broker.asked();
  REQUIRE(asked.size() == 1);
  broker.reload(asks_for_logins());
  CHECK_FALSE(broker.decide(asked[0], mqtt::Reason::success));
  asked = broker.asked();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].user == "ann");
  CHECK(broker.decide(asked[0], reason));
  CHECK(broker.asked().empty());
  CHECK(broker.answer().size() == 1);
  CHECK(broker.gone() == (reason != mqtt::Reason::success));
  // A verdict that did not count is no failed login.
  CHECK(broker.metrics().logins_failed == (reason == mqtt::Reason::not_authorized ? 1 : 0));
}

// Today's ban knows nothing of users: it was out of date for ever after any reload.
TEST_CASE("a ban is answered, however many reloads there were before CONNECT", "[shard]") {
  const std::size_t reloads = GENERATE(0U, 1U, 3U);
  Broker broker(1, {}, asks_for_logins());
  const auto client = broker.open();
  for (std::size_t i = 0; i < reloads; ++i) {
    broker.shard(0).reconfigure(change_with({}, asks_for_logins()), broker.now);
  }
  broker.feed_once(client, test::connect("c", user("ann")));
  const auto asked = broker.shard(0).outbox().take_logins();
  REQUIRE(asked.size() == 1);
  CHECK(broker.shard(0).decided(
      asked[0].connection, {mqtt::Reason::banned, nullptr, "its address is banned"}, broker.now));
  CHECK(broker.shard(0).outbox().take_logins().empty());
  broker.settle();
  const Strings answer = broker.received(client);
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].starts_with("CONNACK 0 8A"));
  CHECK(broker.closed(client));
}

TEST_CASE("a limit that turns a client away is answered after a reload too", "[shard]") {
  Broker broker(1, {}, asks_for_logins());
  broker.refusal = mqtt::Reason::quota_exceeded;
  const auto client = broker.open();
  broker.shard(0).reconfigure(change_with({}, asks_for_logins()), broker.now);
  broker.send(client, test::connect("c", user("ann")));
  const Strings answer = broker.received(client);
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].starts_with("CONNACK 0 97"));
  CHECK(broker.closed(client));
}

TEST_CASE("what TLS proved is asked about after a reload, not what CONNECT claims", "[shard]") {
  Deciding broker(asks_for_logins(true), "bob");
  auto asked = broker.asked();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].user == "bob");
  CHECK(asked[0].verified);
  broker.reload(asks_for_logins(true));
  CHECK_FALSE(broker.decide(asked[0], mqtt::Reason::success));
  asked = broker.asked();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].user == "bob");
  CHECK(asked[0].verified);
}

TEST_CASE("an answer about what TLS proved does not serve for a password", "[shard]") {
  Deciding broker(asks_for_logins(true), "bob");
  auto asked = broker.asked();
  REQUIRE(asked.size() == 1);
  broker.reload(asks_for_logins(false));
  CHECK_FALSE(broker.decide(asked[0], mqtt::Reason::success));
  asked = broker.asked();
  REQUIRE(asked.size() == 1);
  CHECK(asked[0].user == "ann");
  CHECK_FALSE(asked[0].verified);
}

TEST_CASE("a password does not serve where a reload wants a certificate", "[shard]") {
  Deciding broker(asks_for_logins(false));
  const auto asked = broker.asked();
  REQUIRE(asked.size() == 1);
  broker.reload(asks_for_logins(true));
  CHECK(broker.decide(asked[0], mqtt::Reason::success));
  CHECK(broker.asked().empty());
  const Strings answer = broker.answer();
  REQUIRE(answer.size() == 1);
  CHECK(answer[0].starts_with("CONNACK 0 86"));
  CHECK(broker.gone());
}
