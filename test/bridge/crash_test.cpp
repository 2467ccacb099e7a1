// A bridge between two brokers with stores, where everything ends at every place: the connection
// after any byte, and of either process with all that it has not stored.

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "test/bridge/fixture.h"

using bridge::Direction;
using mqtt::Qos;
using mqtt::Version;
using test::Broker;
using test::MemoryStore;
using test::Span;
using Strings = std::vector<std::string>;

namespace {

/// A client with a session whose packets end with their payloads.
const test::ConnectOptions without_properties = {.version = Version::v3_1_1, .clean = false};

/// Two brokers, their disks, and a bridge.
class World {
 public:
  World(std::uint64_t seed, Version version, std::uint32_t shards)
      : random_(seed), version_(version), shards_(shards) {
    here_ = broker_here();
    there_ = std::make_unique<Broker>(shards_, store_there_);
    make_span();
    keep(*there_, "out/#", without_properties);
    keep(*here_, "in/#", test::lasting());
  }

  void step() {
    publish(*here_, "out", sent_out);
    publish(*there_, "in", sent_in);
    here_->disk_stalls = chance(3);
    there_->disk_stalls = chance(3);
    span_->bytes_left = chance(2) ? random_() % 400 : SIZE_MAX;
    span_->pass_milliseconds(chance(2) ? 100 : 1200);
    if (chance(4)) restart_here();
    if (chance(4)) restart_there();
  }
  /// All that is on its way arrives.
  void settle() {
    here_->disk_stalls = there_->disk_stalls = false;
    here_->sync();
    there_->sync();
    here_->settle();
    there_->settle();
    span_->bytes_left = SIZE_MAX;
    span_->pass_milliseconds(5000);
    CHECK(span_->bridge.is_connected());
  }
  Strings taken_there() { return there_->take_all(there_->client("keeper", without_properties)); }
  /// Where bridges come in, sessions before 5.0 end with their connections: properties follow.
  Strings taken_here() {
    Strings payloads;
    for (const auto& packet : here_->publishes(here_->client("keeper", test::lasting()))) {
      const std::size_t start = packet.find("in/x ") + 5;
      payloads.push_back(packet.substr(start, packet.find(' ', start) - start));
    }
    return payloads;
  }

  Strings sent_out;
  Strings sent_in;

 private:
  bool chance(unsigned of) { return random_() % of == 0; }

  std::unique_ptr<Broker> broker_here() {
    return std::make_unique<Broker>(shards_, store_here_, broker::Limits{},
                                    broker::Durability::commit, test::bridge_policy());
  }
  void make_span() {
    auto options = test::span_options(
        {{"out/#", Direction::out, Qos::exactly_once}, {"in/#", Direction::in, Qos::exactly_once}},
        version_);
    options.seed = random_();
    span_ = std::make_unique<Span>(*here_, *there_, options);
    span_->start();
  }
  static void keep(Broker& broker, std::string_view filter, const test::ConnectOptions& options) {
    const auto client = broker.client("keeper", options);
    broker.subscribe(client, filter, {.qos = 2});
    broker.lose(client);
  }
  /// One message with QoS 2, which the broker has on disk before this returns.
  void publish(Broker& broker, const std::string& topic, Strings& sent) {
    broker.disk_stalls = false;
    broker.sync();
    const auto client = broker.client("publisher", test::lasting());
    const std::string payload = topic + std::to_string(sent.size());
    broker.received(client);
    broker.publish(client, topic + "/x", payload, {.qos = 2, .packet_id = 1});
    REQUIRE(broker.received(client) == Strings{"PUBREC m1"});
    broker.pubrel(client, 1);
    REQUIRE(broker.received(client) == Strings{"PUBCOMP m1"});
    broker.lose(client);
    sent.push_back(payload);
  }
  void restart_here() {
    const auto now = here_->now;
    span_->here_ends();
    span_.reset();
    here_ = broker_here();
    here_->now = now;
    make_span();
  }
  void restart_there() {
    const auto now = there_->now;
    auto other = std::make_unique<Broker>(shards_, store_there_);
    other->now = now;
    span_->there_restarts(*other);
    there_ = std::move(other);
  }

  std::mt19937_64 random_;
  Version version_;
  std::uint32_t shards_;
  MemoryStore store_here_;
  MemoryStore store_there_;
  std::unique_ptr<Broker> here_;
  std::unique_ptr<Broker> there_;
  std::unique_ptr<Span> span_;
};

}  // namespace

TEST_CASE("whatever ends in between: each message crosses once, in order", "[bridge]") {
  const Version version = GENERATE(Version::v3_1_1, Version::v5_0);
  const std::uint32_t shards = GENERATE(1U, 2U);
  for (std::uint64_t seed = 1; seed <= 8; ++seed) {
    CAPTURE(seed, shards);
    World world(seed, version, shards);
    for (int i = 0; i < 20; ++i) world.step();
    world.settle();
    CHECK(world.taken_there() == world.sent_out);
    CHECK(world.taken_here() == world.sent_in);
  }
}
