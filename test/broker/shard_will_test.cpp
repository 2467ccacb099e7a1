#include <catch2/catch.hpp>

#include "test/broker/fixture.h"

using mqtt::Version;
using Strings = std::vector<std::string>;
using test::Broker;

namespace {

test::ConnectOptions with_will(std::uint32_t delay_seconds, std::uint32_t expiry_seconds) {
  test::ConnectOptions options;
  options.clean = false;
  options.properties = test::property_four(0x11, expiry_seconds);
  options.will_topic = "will";
  options.will_properties = test::property_pair("k", "v") +
                            test::property_four(0x18, delay_seconds) +
                            test::property_four(0x02, 60);
  options.will_qos = 1;
  return options;
}

/// A broker with a client that watches the topic of the will.
struct Watched {
  explicit Watched(std::uint32_t shards) : broker(shards), watcher(broker.client("watcher")) {
    broker.subscribe(watcher, "will", {.qos = 1});
    broker.received(watcher);
  }
  Strings seen() { return broker.publishes(watcher); }
  Broker broker;
  Broker::Client watcher;
};

const Strings will_message = {"PUBLISH q1 r0 d0 m1 will gone {2=60 38=k:v}"};

}  // namespace

TEST_CASE("a will is published when the connection breaks [MQTT-3.1.2-8]", "[shard][will]") {
  Watched test(GENERATE(1U, 4U));
  const auto client = test.broker.client("c", with_will(0, 0));
  test.broker.lose(client);
  CHECK(test.seen() == will_message);
}

TEST_CASE("DISCONNECT discards the will, but not with reason 0x04 [MQTT-3.14.4-3]",
          "[shard][will]") {
  Watched test(GENERATE(1U, 4U));
  test.broker.disconnect(test.broker.client("c", with_will(0, 0)));
  CHECK(test.seen().empty());
  test.broker.disconnect(test.broker.client("c", with_will(0, 0)), 4);
  CHECK(test.seen() == will_message);
}

TEST_CASE("without a Will Flag nothing is published [MQTT3-3.1.2-12]", "[shard][will]") {
  Watched test(GENERATE(1U, 4U));
  test.broker.lose(test.broker.client("c"));
  CHECK(test.seen().empty());
}

TEST_CASE("a protocol error sends the will", "[shard][will]") {
  Watched test(GENERATE(1U, 4U));
  const auto client = test.broker.client("c", with_will(0, 0));
  test.broker.send(client, test::connect("c"));
  CHECK(test.seen() == will_message);
}

TEST_CASE("a delayed will waits, and is dropped when the client is back [MQTT-3.1.3-9]",
          "[shard][will]") {
  Watched test(GENERATE(1U, 4U));
  auto client = test.broker.client("c", with_will(10, 100));
  test.broker.lose(client);
  test.broker.pass_milliseconds(9'000);
  CHECK(test.seen().empty());
  SECTION("it is not back") {
    test.broker.pass_milliseconds(1'500);
    CHECK(test.seen() == will_message);
  }
  SECTION("it is back in time") {
    client = test.broker.client("c", with_will(10, 100));
    test.broker.pass_milliseconds(20'000);
    CHECK(test.seen().empty());
  }
  SECTION("it is back with clean start: the session ended") {
    client = test.broker.client("c");
    CHECK(test.seen() == will_message);
  }
}

TEST_CASE("the end of the session is the latest time for a will", "[shard][will]") {
  Watched test(GENERATE(1U, 4U));
  test.broker.lose(test.broker.client("c", with_will(100, 5)));
  test.broker.pass_milliseconds(4'000);
  CHECK(test.seen().empty());
  test.broker.pass_milliseconds(1'500);
  CHECK(test.seen() == will_message);
}

TEST_CASE("a takeover sends an undelayed will", "[shard][will]") {
  Watched test(GENERATE(1U, 4U));
  test.broker.client("c", with_will(0, 100));
  test.broker.client("c", with_will(0, 100));
  CHECK(test.seen() == will_message);
}

TEST_CASE("a retained will stays for who comes late [MQTT-3.1.2-15]", "[shard][will]") {
  Watched test(GENERATE(1U, 4U));
  auto options = with_will(0, 0);
  options.will_retain = true;
  test.broker.lose(test.broker.client("c", options));
  const auto late = test.broker.client("late");
  test.broker.subscribe(late, "will");
  CHECK(test.broker.publishes(late).size() == 1);
}
