#include "broker/renewal_walk.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "broker/shard_renewal.h"
#include "test/broker/fixture.h"

// A store that is written anew in pieces of a row, with changes between them.

namespace {

using test::Broker;
using test::lasting;
using test::MemoryStore;
using Packets = std::vector<std::string>;

/// State of every kind, on all shards.
struct FilledStore {
  explicit FilledStore(std::uint32_t count = GENERATE(1U, 3U)) : shards(count) {
    limits.max_queued_messages = 0;
    limits.max_inflight_messages = 3;
    broker.emplace(shards, store, limits);
    for (int i = 0; i < 6; ++i) {
      const auto away = broker->client(name(i), lasting());
      broker->subscribe(away, "q/#", {.qos = 2});
      broker->subscribe(away, "own/" + name(i), {.qos = 1, .identifier = 7});
      broker->subscribe(away, "$share/g/s/#", {.qos = 1});
      broker->disconnect(away);
    }
    publisher = broker->client("publisher", lasting());
    for (int i = 0; i < 5; ++i) publish("q/" + std::to_string(i), "queued", true);
    for (int i = 0; i < 12; ++i) publish("s/" + std::to_string(i), "shared", false);
    // One that the client has not released.
    broker->publish(publisher, "q/open", "open", {.qos = 2, .packet_id = 99});
    broker->received(publisher);
    broker->disk_stalls = true;
  }

  static std::string name(int i) { return "away" + std::to_string(i); }
  void publish(const std::string& topic, const std::string& payload, bool retain) {
    broker->publish(publisher, topic, payload, {.qos = 1, .packet_id = ++packet, .retain = retain});
  }
  /// A piece of each shard.
  void pieces(int count) {
    for (int i = 0; i < count; ++i) {
      for (std::uint32_t shard = 0; shard < shards; ++shard) broker->renew(shard);
    }
  }
  /// The rows that are there, by kind.
  struct Counts {
    std::size_t sessions, deliveries, messages, retained, forwards;
    bool operator==(const Counts&) const = default;
  };
  [[nodiscard]] Counts counts() const {
    return {store.sessions(), store.deliveries(), store.messages(), store.retained(),
            store.forwards()};
  }
  /// All is whole, and the same as if it were written at once.
  void check() {
    CHECK(store.faults() == Packets{});
    const Counts piecewise = counts();
    broker->disk_stalls = false;
    broker->renew_store();
    CHECK(counts() == piecewise);
    CHECK(store.faults() == Packets{});
  }
  /// After a crash: what each client is sent, one after the other.
  [[nodiscard]] std::vector<Packets> restart() {
    broker.emplace(shards, store, limits);
    std::vector<Packets> all;
    for (int i = 0; i < 6; ++i) {
      auto options = lasting();
      options.clean = false;
      all.push_back(broker->take_all(broker->client(name(i), options)));
    }
    return all;
  }

  std::uint32_t shards;
  broker::Limits limits;
  MemoryStore store;
  std::optional<Broker> broker;
  Broker::Client publisher = 0;
  unsigned packet = 0;
};

}  // namespace

TEST_CASE("a store that is written anew in pieces has all rows", "[renewal]") {
  FilledStore scene;
  const auto before = scene.counts();
  scene.broker->begin_renewal();
  scene.broker->renew_all(GENERATE(1U, 1000U));
  CHECK(scene.counts() == before);
  scene.check();
  std::size_t shared = 0;
  for (const Packets& payloads : scene.restart()) {
    CHECK(std::count(payloads.begin(), payloads.end(), "queued") == 5);
    CHECK(std::count(payloads.begin(), payloads.end(), "open") == 1);
    shared += static_cast<std::size_t>(std::count(payloads.begin(), payloads.end(), "shared"));
  }
  CHECK(shared == 12);
  CHECK(scene.store.deliveries() == 0);
}

TEST_CASE("no acknowledgement leaves before the new store is whole", "[renewal]") {
  FilledStore scene;
  scene.broker->begin_renewal();
  scene.publish("q/new", "late", false);
  scene.pieces(5);
  scene.publish("q/new", "later", false);
  scene.broker->sync();
  CHECK(scene.broker->received(scene.publisher).empty());
  scene.broker->renew_all();
  CHECK(scene.broker->received(scene.publisher).size() == 2);
  scene.check();
}

TEST_CASE("changes between two pieces are in the new store, whatever was walked", "[renewal]") {
  const int pieces = GENERATE(range(0, 60, 3));
  const int change = GENERATE(range(0, 8));
  CAPTURE(pieces, change);
  FilledStore scene;
  Broker& broker = *scene.broker;
  auto back = lasting();
  back.clean = false;
  scene.broker->begin_renewal();
  scene.pieces(pieces);
  switch (change) {
    case 0:  // queues grow
      for (int i = 0; i < 4; ++i) scene.publish("q/more", "more", false);
      break;
    case 1:  // a queue shrinks: what is acknowledged goes, and more is sent
      broker.take_all(broker.client("away2", back));
      break;
    case 2: {  // a session ends, and another has its name
      auto anew = lasting();
      anew.clean = true;
      broker.subscribe(broker.client("away3", anew), "q/#", {.qos = 1});
      scene.publish("q/anew", "anew", false);
      break;
    }
    case 3:  // retained messages are replaced and removed
      scene.publish("q/1", "other", true);
      scene.publish("q/2", "", true);
      scene.publish("q/9", "first", true);
      break;
    case 4: {  // a member leaves its group, and subscriptions end and begin
      const auto client = broker.client("away1", back);
      broker.unsubscribe(client, "$share/g/s/#");
      broker.unsubscribe(client, "own/away1");
      broker.subscribe(client, "own/other", {.qos = 1});
      break;
    }
    case 5: {  // taken over while it is connected
      const auto first = broker.client("away4", back);
      broker.pubrec(first, 1);
      broker.client("away4", back);
      break;
    }
    case 6:  // the session ends with its connection
      back.session_expiry_seconds = 0;
      broker.disconnect(broker.client("away5", back));
      break;
    default:  // an identifier is released, another is used
      broker.pubrel(scene.publisher, 99);
      broker.publish(scene.publisher, "q/open", "open again", {.qos = 2, .packet_id = 98});
  }
  scene.pieces(2);
  scene.broker->renew_all();
  scene.broker->sync();
  scene.check();
}

TEST_CASE("a renewal that fails begins again", "[renewal]") {
  FilledStore scene;
  scene.broker->begin_renewal();
  scene.pieces(20);
  scene.publish("q/1", "between", true);
  scene.broker->begin_renewal();
  scene.pieces(3);
  scene.publish("q/2", "between", true);
  scene.broker->renew_all();
  CHECK(scene.store.retained() == 5);
  scene.check();
}

TEST_CASE("a portion is bounded, also within one session", "[renewal]") {
  FilledStore scene(1);
  for (int i = 0; i < 3000; ++i) scene.publish("q/many", "many", false);
  scene.broker->disk_stalls = false;
  scene.broker->sync();
  scene.broker->shard(0).renewal().begin();
  std::size_t most = 0;
  std::size_t rows = 0;
  for (bool more = true; more;) {
    broker::JournalBatch batch;
    more = scene.broker->shard(0).renewal().renew(batch);
    most = std::max(most, batch.size());
    rows += batch.size();
  }
  CHECK(rows > 18'000);
  CHECK(most <= 1001);
}
