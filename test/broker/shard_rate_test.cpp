#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/broker/fixture.h"

// max_publish_rate and max_publish_bytes_rate.

namespace {

using broker::PublishRate;
using broker::PublishRatePolicy;
using broker::Refusal;
using test::Broker;
using Strings = std::vector<std::string>;

const std::string pingreq = test::pingreq();

broker::ListenerPolicy limited(const PublishRate& rate) {
  broker::ListenerPolicy policy = Broker::open_policy();
  policy.publish_rate = rate;
  return policy;
}

std::string publish(mqtt::Version version, unsigned qos, unsigned packet_id,
                    const std::string& payload, bool dup = false) {
  return test::publish("t", payload, {.qos = qos, .packet_id = packet_id, .dup = dup}, version);
}

/// A publisher, and somebody who hears it.
struct Scene {
  explicit Scene(const PublishRate& rate, mqtt::Version version_of_both = mqtt::Version::v5_0,
                 std::uint16_t keep_alive_seconds = 0)
      : broker(1, {}, limited(rate)), version(version_of_both) {
    test::ConnectOptions options;
    options.version = version;
    hearer = broker.client("hearer", options);
    broker.subscribe(hearer, "t", {.qos = 0});
    options.keep_alive_seconds = keep_alive_seconds;
    publisher = broker.client("publisher", options);
    broker.received(hearer);
    broker.received(publisher);
  }
  /// So many publishes in one read.
  void burst(unsigned count, unsigned qos = 0, const std::string& payload = "x") {
    std::string bytes;
    for (unsigned i = 0; i < count; ++i) bytes += publish(version, qos, ++packet_id, payload);
    broker.send(publisher, bytes);
  }
  std::size_t heard() { return broker.publishes(hearer).size(); }
  std::uint64_t counted(Refusal refusal) {
    return broker.shard(0).metrics().refused[static_cast<std::size_t>(refusal)];
  }

  Broker broker;
  mqtt::Version version;
  unsigned packet_id = 0;
  Broker::Client hearer = 0;
  Broker::Client publisher = 0;
};

}  // namespace

TEST_CASE("a client that publishes too fast is not read, and loses nothing", "[publish_rate]") {
  const auto version = GENERATE(mqtt::Version::v3_1, mqtt::Version::v3_1_1, mqtt::Version::v5_0);
  const unsigned qos = GENERATE(0U, 1U, 2U);
  const auto feed = GENERATE(test::Feed::whole, test::Feed::bytes);
  CAPTURE(version, qos, feed);
  Scene scene({.messages_per_second = 10}, version);
  scene.broker.feed = feed;
  scene.burst(15, qos);
  CHECK(scene.heard() == 10);
  CHECK(scene.broker.received(scene.publisher).size() == (qos == 0 ? 0 : 10));
  CHECK_FALSE(scene.broker.reads(scene.publisher));
  scene.broker.send(scene.publisher, pingreq);  // in its turn, behind the publishes
  CHECK(scene.broker.received(scene.publisher).empty());

  scene.broker.pass_milliseconds(1200);
  CHECK(scene.heard() == 5);
  const Strings answers = scene.broker.received(scene.publisher);
  REQUIRE(answers.size() == (qos == 0 ? 1 : 6));
  CHECK(answers.back() == "PINGRESP");
  CHECK(scene.broker.reads(scene.publisher));
  CHECK(scene.counted(Refusal::publish_delayed) > 0);
  CHECK(scene.broker.log.contains("publishes faster than it may"));
}

TEST_CASE("over time the rate is what was asked for", "[publish_rate]") {
  Scene scene({.messages_per_second = 100});
  scene.burst(100);
  CHECK(scene.heard() == 100);
  scene.burst(2000);
  scene.broker.pass_milliseconds(10'000);
  const std::size_t heard = scene.heard();
  CHECK(heard > 950);
  CHECK(heard <= 1000);
}

TEST_CASE("bytes are counted with the whole packet", "[publish_rate]") {
  // 5 bytes in front of the payload, and two of length: 107 each.
  Scene scene({.bytes_per_second = 1070});
  scene.burst(11, 0, std::string(101, 'x'));
  CHECK(scene.heard() == 10);
  CHECK_FALSE(scene.broker.reads(scene.publisher));
  scene.broker.pass_milliseconds(500);
  CHECK(scene.heard() == 1);
}

TEST_CASE("a publish larger than a second's worth passes, and takes its time", "[publish_rate]") {
  Scene scene({.bytes_per_second = 1000});
  scene.burst(1, 0, std::string(5000, 'x'));
  CHECK(scene.heard() == 1);
  scene.burst(1, 0, "small");
  scene.broker.pass_milliseconds(3900);
  CHECK(scene.heard() == 0);
  scene.broker.pass_milliseconds(600);
  CHECK(scene.heard() == 1);
}

TEST_CASE("nobody is late with a PINGREQ while a rate keeps him from being read",
          "[publish_rate]") {
  Scene scene({.bytes_per_second = 100}, mqtt::Version::v3_1_1, 2);
  scene.burst(1, 0, std::string(2000, 'x'));
  scene.broker.pass_milliseconds(18'000);
  CHECK_FALSE(scene.broker.closed(scene.publisher));
  scene.broker.pass_milliseconds(2'000);
  CHECK(scene.broker.reads(scene.publisher));
  scene.broker.pass_milliseconds(1'500);
  CHECK_FALSE(scene.broker.closed(scene.publisher));
  scene.broker.pass_milliseconds(2'000);  // but now he is
  CHECK(scene.broker.closed(scene.publisher));
}

TEST_CASE("a client may be disconnected for its rate instead", "[publish_rate]") {
  const auto version = GENERATE(mqtt::Version::v3_1, mqtt::Version::v3_1_1, mqtt::Version::v5_0);
  const bool by_bytes = GENERATE(false, true);
  const unsigned qos = GENERATE(0U, 1U, 2U);
  CAPTURE(version, by_bytes, qos);
  PublishRate rate;
  rate.policy = PublishRatePolicy::disconnect;
  const std::size_t size = publish(version, qos, 1, "x").size();
  if (by_bytes) {
    rate.bytes_per_second = static_cast<std::uint32_t>(3 * size);
  } else {
    rate.messages_per_second = 3;
  }
  Scene scene(rate, version);
  scene.burst(3, qos);
  CHECK_FALSE(scene.broker.closed(scene.publisher));
  CHECK(scene.broker.reads(scene.publisher));
  scene.broker.received(scene.publisher);
  scene.broker.pass_milliseconds(1000);
  scene.burst(4, qos);
  CHECK(scene.broker.closed(scene.publisher));
  CHECK(scene.heard() == 6);
  const Strings said = scene.broker.received(scene.publisher);
  if (version == mqtt::Version::v5_0) {
    REQUIRE_FALSE(said.empty());
    CHECK(said.back().find(by_bytes ? "97" : "96") != std::string::npos);
    CHECK(said.back().starts_with("DISCONNECT"));
  }
  CHECK(scene.counted(by_bytes ? Refusal::publish_bytes_rate : Refusal::publish_rate) == 1);
}

TEST_CASE("a repeated QoS 2 publish counts again", "[publish_rate]") {
  Scene scene({.messages_per_second = 3});
  for (int i = 0; i < 4; ++i) {
    scene.broker.send(scene.publisher, publish(scene.version, 2, 7, "x", i > 0));
  }
  CHECK(scene.heard() == 1);
  CHECK(scene.broker.received(scene.publisher).size() == 3);
  CHECK_FALSE(scene.broker.reads(scene.publisher));
}

TEST_CASE("only publishes count", "[publish_rate]") {
  Scene scene({.messages_per_second = 1});
  std::string pings;
  for (int i = 0; i < 50; ++i) pings += pingreq;
  scene.broker.send(scene.publisher, pings);
  CHECK(scene.broker.received(scene.publisher).size() == 50);
  CHECK(scene.broker.reads(scene.publisher));
}

TEST_CASE("what is put aside for the disk is counted once", "[publish_rate]") {
  test::MemoryStore store;
  broker::Limits limits;
  limits.max_uncommitted_bytes = 100'000;
  Broker broker(1, store, limits, broker::Durability::commit, limited({.messages_per_second = 10}));
  test::ConnectOptions lasting;
  lasting.clean = false;
  lasting.session_expiry_seconds = 1000;
  const auto away = broker.client("away", lasting);
  broker.subscribe(away, "t", {.qos = 1});
  broker.lose(away);
  const auto publisher = broker.client("publisher");
  broker.received(publisher);
  broker.disk_stalls = true;
  std::string bytes;
  for (unsigned i = 1; i <= 10; ++i) {
    bytes += publish(mqtt::Version::v5_0, 1, i, std::string(i == 1 ? 100'000 : 1, 'x'));
  }
  broker.send(publisher, bytes);
  CHECK_FALSE(broker.reads(publisher));
  broker.pass_milliseconds(400);
  broker.disk_stalls = false;
  broker.sync();
  broker.pass_milliseconds(200);
  CHECK(broker.received(publisher).size() == 10);
  CHECK(broker.reads(publisher));
  // Had they been counted twice there were no room for these.
  bytes.clear();
  for (unsigned i = 11; i <= 14; ++i) bytes += publish(mqtt::Version::v5_0, 1, i, "x");
  broker.send(publisher, bytes);
  broker.settle();
  CHECK(broker.received(publisher).size() == 4);
}

TEST_CASE("a client that ends while it is not read leaves nothing behind", "[publish_rate]") {
  Scene scene({.messages_per_second = 1});
  scene.burst(5);
  CHECK(scene.heard() == 1);
  scene.broker.lose(scene.publisher);
  scene.broker.pass_milliseconds(5000);
  CHECK(scene.heard() == 0);
}
