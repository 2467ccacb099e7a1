#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <vector>

#include "test/broker/fixture.h"

// Access that depends on where a client comes from.

namespace {

using broker::Access;
using test::Broker;
using Packets = std::vector<std::string>;

/// Topics "at/ADDRESS/..." are for who comes from there, whatever is subscribed to.
class ByAddress final : public broker::Permissions {
 public:
  [[nodiscard]] bool allows(Access access, std::string_view topic,
                            const broker::Identity& who) const override {
    if (access == Access::subscribe) return true;
    return topic.starts_with("at/" + std::string(who.address) + "/");
  }
  [[nodiscard]] bool names_address() const noexcept override { return true; }
};

broker::ListenerPolicy with_passwords() {
  broker::ListenerPolicy policy = Broker::open_policy();
  policy.open_to_all = false;
  return policy;
}

/// What users may do who are not connected: publish from one address.
class OnlyFrom final : public broker::Authority, public broker::Permissions {
 public:
  explicit OnlyFrom(std::string address) : address_(std::move(address)) {}
  [[nodiscard]] bool allows(Access access, std::string_view /*topic*/,
                            const broker::Identity& who) const override {
    return access == Access::publish && who.address == address_;
  }
  [[nodiscard]] bool names_address() const noexcept override { return true; }
  [[nodiscard]] std::shared_ptr<const broker::Permissions> permissions_of(
      std::uint16_t /*listener*/, std::string_view /*user_name*/) const override {
    return {std::shared_ptr<void>(), this};
  }

 private:
  std::string address_;
};

/// A broker that asks everybody for a password, so that there are permissions.
struct Guarded : Broker {
  explicit Guarded(std::uint32_t shards, const broker::Authority* authority = nullptr)
      : Broker(shards, broker::Limits{}, with_passwords(), authority) {
    permissions = std::make_shared<const ByAddress>();
  }
};

Broker::Client client_at(Broker& broker, const std::string& address, std::string_view id,
                         test::ConnectOptions options = {}) {
  broker.address = address;
  const auto client = broker.client(id, options);
  broker.received(client);
  return client;
}

test::ConnectOptions lasting() {
  test::ConnectOptions options;
  options.clean = false;
  options.session_expiry_seconds = 1000;
  return options;
}

}  // namespace

TEST_CASE("permissions are asked about the address of the client", "[access]") {
  Guarded broker(GENERATE(1U, 2U));
  const auto first = client_at(broker, "10.0.0.1", "first");
  const auto second = client_at(broker, "10.0.0.2", "second");
  broker.subscribe(first, "#", {.qos = 1});
  broker.subscribe(second, "#", {.qos = 1});
  broker.received(first);
  broker.received(second);
  broker.publish(first, "at/10.0.0.1/x", "one", {.qos = 1});
  CHECK(broker.publishes(first) == Packets{"PUBLISH q1 r0 d0 m1 at/10.0.0.1/x one"});
  CHECK(broker.publishes(second).empty());
  broker.publish(second, "at/10.0.0.1/x", "two", {.qos = 1});
  CHECK(broker.received(second) == Packets{"PUBACK m1 87"});
}

TEST_CASE("who is away is asked about by his last address, and by the next when he is back",
          "[access]") {
  Guarded broker(GENERATE(1U, 2U));
  const auto publisher = client_at(broker, "10.0.0.1", "publisher");
  const auto away = client_at(broker, "10.0.0.1", "away", lasting());
  broker.subscribe(away, "#", {.qos = 1});
  if (GENERATE(false, true)) {
    broker.disconnect(away);
  } else {
    broker.lose(away);
  }
  broker.publish(publisher, "at/10.0.0.1/x", "one", {.qos = 1, .packet_id = 1});
  const auto back = client_at(broker, "10.0.0.1", "away", lasting());
  // The route to him is known by now; he moves.
  broker.publish(publisher, "at/10.0.0.1/x", "two", {.qos = 1, .packet_id = 2});
  CHECK(broker.publishes(back).size() == 1);
  const auto moved = client_at(broker, "10.0.0.2", "away", lasting());
  broker.received(moved);
  broker.publish(publisher, "at/10.0.0.1/x", "three", {.qos = 1, .packet_id = 3});
  CHECK(broker.publishes(moved).empty());
}

TEST_CASE("a will is judged by the address of the connection that left it", "[access]") {
  Guarded broker(GENERATE(1U, 2U));
  const auto watcher = client_at(broker, "10.0.0.1", "watcher");
  broker.subscribe(watcher, "#", {.qos = 0});
  broker.received(watcher);
  test::ConnectOptions options = GENERATE(test::ConnectOptions{}, lasting());
  options.will_topic = "at/10.0.0.1/gone";
  const std::string address = GENERATE("10.0.0.1", "10.0.0.2");
  broker.lose(client_at(broker, address, "dying", options));
  CHECK(broker.publishes(watcher).size() == (address == "10.0.0.1" ? 1U : 0U));
}

TEST_CASE("what is retained is judged by the address of who published it", "[access]") {
  const std::string allowed = GENERATE("10.0.0.1", "10.0.0.2");
  const OnlyFrom now(allowed);
  Guarded broker(GENERATE(1U, 2U), &now);
  broker.publish(client_at(broker, "10.0.0.1", "publisher"), "at/10.0.0.1/x", "kept",
                 {.qos = 1, .retain = true});
  const auto late = client_at(broker, "10.0.0.1", "late");
  broker.subscribe(late, "#");
  CHECK(broker.publishes(late).size() == (allowed == "10.0.0.1" ? 1U : 0U));
}
