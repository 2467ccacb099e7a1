#include <catch2/catch.hpp>

#include "test/broker/fixture.h"

// Rows come back from a store that a disk may have changed: what is no MQTT is left out.

namespace {

using test::Broker;
using test::lasting;
using test::MemoryStore;
using Packets = std::vector<std::string>;
using broker::JournalBatch;

/// A shard that is given rows as they come from a disk.
struct Returning {
  Returning() {
    batch.sessions.push_back(session(1, "c"));
    message(5, "t", "p");
  }
  JournalBatch::Session session(std::uint64_t key, std::string_view client_id) {
    JournalBatch::Session row;
    row.key = broker::SessionKey{key};
    row.client_id = batch.put(client_id);
    row.expiry_interval_seconds = 0xFFFF'FFFF;
    return row;
  }
  void message(std::uint64_t key, std::string_view topic, std::string_view payload) {
    JournalBatch::Message row;
    row.key = broker::MessageKey{key};
    row.qos = mqtt::Qos::at_least_once;
    row.topic = batch.put(topic);
    row.payload = batch.put(payload);
    batch.messages.push_back(row);
  }
  void delivery(std::uint64_t number, std::uint64_t message, bool released = false) {
    JournalBatch::Delivery row;
    row.name = {broker::SessionKey{1}, number};
    row.message = broker::MessageKey{message};
    row.qos = mqtt::Qos::at_least_once;
    row.released = released;
    batch.deliveries.push_back(row);
  }
  /// What the client is sent when it comes back.
  Packets come_back() {
    broker.shard(0).restore(batch, broker.now);
    broker.shard(0).restored(5, broker.now);
    const auto client = broker.client("c", lasting());
    return broker.publishes(client);
  }
  [[nodiscard]] bool told() const { return broker.log.contains("damaged and were left out"); }

  MemoryStore store;
  Broker broker{1, store};
  JournalBatch batch;
};

}  // namespace

TEST_CASE("sound rows come back without a word", "[journal]") {
  Returning scene;
  scene.delivery(7, 5);
  CHECK(scene.come_back() == Packets{"PUBLISH q1 r0 d0 m8 t p"});
  CHECK_FALSE(scene.told());
}

TEST_CASE("a stored message that is no MQTT reaches nobody", "[journal]") {
  Returning scene;
  scene.message(4, GENERATE(as<std::string>(), "a/+", "", "\xFF"), "broken");
  scene.delivery(6, 4);
  scene.delivery(7, 5);
  CHECK(scene.come_back().size() == 1);
  CHECK(scene.told());
}

TEST_CASE("stored deliveries whose numbers make no sense are left out", "[journal]") {
  Returning scene;
  scene.delivery(7, 5);
  const auto [number, released] = GENERATE(table<std::uint64_t, bool>({
      {3, false},              // below the one before
      {7, false},              // twice
      {UINT64_MAX - 1, true},  // nobody ever counted so far
  }));
  CAPTURE(number, released);
  scene.delivery(number, 5, released);
  CHECK(scene.come_back().size() == 1);
  CHECK(scene.told());
}

TEST_CASE("a delivery far behind others does not wait until they are over", "[journal]") {
  Returning scene;
  scene.delivery(7, 5);
  scene.delivery(std::uint64_t{1} << 40U, 5);  // as many between were dropped
  scene.broker.shard(0).restore(scene.batch, scene.broker.now);
  scene.broker.shard(0).restored(5, scene.broker.now);
  const auto client = scene.broker.client("c", lasting());
  REQUIRE(scene.broker.publishes(client).size() == 2);
  scene.broker.puback(client, 8);
  CHECK_FALSE(scene.told());
}

TEST_CASE("a stored subscription with wildcards out of place is left out", "[journal]") {
  Returning scene;
  for (const std::string_view filter : {"#/a", "t"}) {
    JournalBatch::Subscription row;
    row.session = broker::SessionKey{1};
    row.filter = scene.batch.put(filter);
    row.present = true;
    scene.batch.subscriptions.push_back(row);
  }
  CHECK(scene.come_back().empty());
  CHECK(scene.broker.metrics().subscriptions == 1);
  CHECK(scene.told());
}

TEST_CASE("a stored session without a name, twice, or of no version is left out", "[journal]") {
  Returning scene;
  JournalBatch::Session odd = scene.session(2, "odd");
  odd.version = static_cast<mqtt::Version>(9);
  scene.batch.sessions.push_back(odd);
  scene.batch.sessions.push_back(scene.session(3, ""));
  scene.batch.sessions.push_back(scene.session(4, "c"));
  scene.come_back();
  CHECK(scene.broker.metrics().sessions == 1);
  CHECK(scene.told());
}

TEST_CASE("a retained row whose message is of another topic is left out", "[journal]") {
  Returning scene;
  for (const std::string_view topic : {"other", "t"}) {
    JournalBatch::Retained row;
    row.topic = scene.batch.put(topic);
    row.message = broker::MessageKey{5};
    scene.batch.retained.push_back(row);
  }
  scene.come_back();
  CHECK(scene.broker.metrics().retained_messages == 1);
  CHECK(scene.told());
}
