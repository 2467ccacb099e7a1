#include <catch2/catch.hpp>

#include "test/broker/fixture.h"

using mqtt::Version;
using Strings = std::vector<std::string>;
using test::Broker;

namespace {

test::ConnectOptions with_will(std::uint32_t delay_seconds, std::uint32_t expiry_seconds) {
  test::ConnectOptions options;
  options.clean = false;
  options.session_expiry_seconds = expiry_seconds;
  options.will_topic = "will";
  options.will_delay_seconds = delay_seconds;
  options.will_expiry_seconds = 60;
  options.will_properties = test::user_property("k", "v");
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

/// Ends the broker in order, as its loops do it.
void stop(Broker& broker) {
  for (std::uint32_t i = 0; i < broker.shards(); ++i) {
    std::size_t next = 0;
    while (broker.shard(i).publish_wills(next, broker.now)) broker.settle();
    broker.settle();
  }
  for (std::uint32_t i = 0; i < broker.shards(); ++i) broker.shard(i).shut_down(broker.now);
  broker.settle();
}

const Strings will_message = {"PUBLISH q1 r0 d0 m1 will gone {38=k:v 2=60}"};

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
  test.broker.disconnect(test.broker.client("c", with_will(0, 0)),
                         {.reason = mqtt::Reason::disconnect_with_will_message});
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

TEST_CASE("an orderly end publishes wills while everybody is connected", "[shard][will]") {
  Watched test(GENERATE(1U, 4U));
  const std::uint32_t delay_seconds = GENERATE(0U, 10U);
  const std::uint32_t expiry_seconds = GENERATE(0U, 100U);
  auto options = with_will(delay_seconds, expiry_seconds);
  options.will_retain = true;
  for (const auto* name : {"a", "b", "c", "d", "e"}) test.broker.client(name, options);
  stop(test.broker);
  const Strings packets = test.broker.received(test.watcher);
  REQUIRE(packets.size() == 6);
  for (std::size_t i = 0; i < 5; ++i) CHECK(packets[i].starts_with("PUBLISH q1"));
  CHECK(packets[5] == "DISCONNECT 8B");
  CHECK(test.broker.metrics().retained_messages == 1);
}

TEST_CASE("a client that has said DISCONNECT has no will at the end", "[shard][will]") {
  Watched test(1);
  test.broker.disconnect(test.broker.client("c", with_will(0, 100)));
  stop(test.broker);
  CHECK(test.seen().empty());
}

TEST_CASE("the wills of one shard are published in slices", "[shard][will]") {
  Broker broker(1);
  for (int i = 0; i < 1000; ++i) broker.client("c" + std::to_string(i), with_will(0, 0));
  std::size_t next = 0;
  int slices = 1;
  for (; broker.shard(0).publish_wills(next, broker.now); ++slices) broker.settle();
  CHECK(slices > 4);
}

TEST_CASE("wills that the end did not come to are retained and queued", "[shard][will]") {
  Broker broker(1);
  const auto queue = broker.client("queue", test::lasting());
  broker.subscribe(queue, "will", {.qos = 1});
  broker.received(queue);
  auto options = with_will(0, 0);
  options.will_retain = true;
  broker.client("c", options);
  broker.shard(0).shut_down(broker.now);
  broker.settle();
  CHECK(broker.received(queue) == Strings{"DISCONNECT 8B"});
  CHECK(broker.publishes(broker.client("queue", test::lasting())).size() == 1);
  const auto late = broker.client("late");
  broker.subscribe(late, "will");
  CHECK(broker.publishes(late).size() == 1);
}

TEST_CASE("at an orderly end the wills of stored sessions wait in the store",
          "[shard][will][journal]") {
  const std::uint32_t delay_seconds = GENERATE(0U, 10U);
  CAPTURE(delay_seconds);
  const auto shards = GENERATE(1U, 3U);
  test::MemoryStore store;
  {
    Broker broker(shards, store);
    const auto watcher = broker.client("watcher", test::lasting());
    broker.subscribe(watcher, "will", {.qos = 1});
    broker.received(watcher);
    broker.client("stored", with_will(delay_seconds, 1000));
    auto options = with_will(delay_seconds, 0);
    options.will_payload = "not stored";
    broker.client("not stored", options);
    stop(broker);
    const Strings packets = broker.publishes(watcher);
    REQUIRE(packets.size() == 1);
    CHECK(packets[0].find("not stored") != std::string::npos);
  }
  Broker broker(shards, store);
  const auto watcher = broker.client("watcher", test::lasting());
  broker.take_all(watcher);  // the socket was gone before its acknowledgement
  const auto seen = [&] { return broker.publishes(watcher).size(); };
  if (GENERATE(false, true)) {
    broker.pass_milliseconds(1000);
    broker.client("stored", with_will(0, 1000));
    broker.pass_milliseconds(20'000);
    CHECK(seen() == 0);
  } else {
    broker.pass_milliseconds(delay_seconds == 0 ? 2'500 : 9'500);
    CHECK(seen() == 0);
    broker.pass_milliseconds(1000);
    CHECK(seen() == 1);
  }
  CHECK(store.faults().empty());
}
