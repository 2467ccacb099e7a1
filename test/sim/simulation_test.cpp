#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>

#include "test/broker/fixture.h"

// Some shards in one thread, driven by a seed: clients come, go, subscribe, publish and break off
// in every order. An oracle that knows nothing of shards keeps the account of what was published
// and who had to get it.

namespace {

using test::Broker;

struct SimulatedClient {
  std::string id;
  Broker::Client connection = 0;
  bool online = false;
  std::set<std::string> filters{};
  std::vector<std::string> expected{};  // payloads, in the order they were published
  std::vector<std::string> seen{};
  std::map<unsigned, std::string> open{};  // packet identifiers of QoS 2 between PUBREC and PUBCOMP
};

bool matches(const std::string& filter, const std::string& topic) {
  if (filter == "#" || filter == topic) return true;
  return filter == "+/" + topic.substr(topic.find('/') + 1) ||
         filter == topic.substr(0, topic.find('/')) + "/#";
}

class Simulation {
 public:
  Simulation(std::uint32_t shards, unsigned seed) : random_(seed), broker_(shards, limits()) {
    for (int i = 0; i < 12; ++i) clients_.push_back({.id = "client" + std::to_string(i)});
    for (SimulatedClient& client : clients_) connect(client);
    publisher_ = broker_.client("publisher");
    broker_.received(publisher_);
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    for (SimulatedClient& client : clients_) {
      if (!client.online) connect(client);
    }
    for (int i = 0; i < 400; ++i) {
      for (SimulatedClient& client : clients_) drain(client);
    }
  }

  void check() {
    std::size_t delivered = 0;
    for (const SimulatedClient& client : clients_) {
      CAPTURE(client.id);
      CHECK(client.seen == client.expected);
      delivered += client.seen.size();
    }
    CHECK(delivered > 100);
    CHECK(broker_.metrics().publish_dropped == 0);
  }

 private:
  static broker::Limits limits() {
    broker::Limits limits;
    limits.max_queued_messages = 0;
    limits.max_inflight_messages = 5;
    return limits;
  }
  std::size_t pick(std::size_t count) { return random_() % count; }
  std::string topic() { return std::string(1, "ab"[pick(2)]) + "/" + "xyz"[pick(3)]; }

  void step() {
    SimulatedClient& client = clients_[pick(clients_.size())];
    switch (pick(10)) {
      case 0:
        return client.online ? lose(client) : connect(client);
      case 1:
      case 2:
        return subscribe(client);
      case 3:
        return unsubscribe(client);
      case 4:
        return broker_.pass_milliseconds(static_cast<std::int64_t>(pick(500)));
      case 5:
      case 6:
        return drain(client);
      default:
        return publish();
    }
  }

  void connect(SimulatedClient& client) {
    client.connection = broker_.client(client.id, test::lasting());
    client.online = true;
  }

  void lose(SimulatedClient& client) {
    drain_once(client, false);
    broker_.lose(client.connection);
    client.online = false;
  }

  void subscribe(SimulatedClient& client) {
    static const std::vector<std::string> filters = {"#", "a/#", "b/#", "+/x", "+/y", "a/x", "b/z"};
    if (!client.online) return;
    const std::string& filter = filters[pick(filters.size())];
    broker_.subscribe(client.connection, filter, {.qos = 2});
    client.filters.insert(filter);
  }

  void unsubscribe(SimulatedClient& client) {
    if (!client.online || client.filters.empty()) return;
    const std::string filter = *client.filters.begin();
    broker_.unsubscribe(client.connection, filter);
    client.filters.erase(filter);
  }

  void publish() {
    const std::string where = topic();
    const std::string payload = std::to_string(++published_);
    broker_.publish(publisher_, where, payload, {.qos = 2, .packet_id = 7});
    broker_.pubrel(publisher_, 7);
    broker_.received(publisher_);
    for (SimulatedClient& client : clients_) {
      const bool wanted = std::ranges::any_of(
          client.filters, [&](const std::string& filter) { return matches(filter, where); });
      if (wanted) client.expected.push_back(payload);
    }
  }

  /// Reads what came and acknowledges it, so that more comes.
  void drain(SimulatedClient& client) {
    if (client.online) drain_once(client, true);
  }

  void drain_once(SimulatedClient& client, bool acknowledge) {
    for (const std::string& packet : broker_.received(client.connection)) {
      if (packet.starts_with("PUBLISH")) {
        take(client, packet, acknowledge);
      } else if (packet.starts_with("PUBREL") && acknowledge) {
        const auto id = static_cast<unsigned>(std::stoul(packet.substr(packet.find(" m") + 2)));
        client.open.erase(id);
        broker_.pubcomp(client.connection, id);
      }
    }
  }

  void take(SimulatedClient& client, const std::string& packet, bool acknowledge) {
    REQUIRE(packet.starts_with("PUBLISH q2"));
    const std::size_t at = packet.find(" m") + 2;
    const auto id = static_cast<unsigned>(std::stoul(packet.substr(at)));
    const std::string payload = packet.substr(packet.rfind(' ') + 1);
    // Exactly once: an identifier that is open is the same message.
    if (!client.open.contains(id)) {
      client.seen.push_back(payload);
      client.open[id] = payload;
    }
    if (acknowledge) broker_.pubrec(client.connection, id);
  }

  std::mt19937 random_;
  Broker broker_;
  std::vector<SimulatedClient> clients_;
  Broker::Client publisher_ = 0;
  int published_ = 0;
};

}  // namespace

TEST_CASE("QoS 2 arrives exactly once and in order, whatever happens in between [MQTT-4.6.0-5]",
          "[sim]") {
  const auto shards = GENERATE(1U, 2U, 5U);
  const auto seed = GENERATE(range(0U, 50U));
  CAPTURE(shards, seed);
  Simulation simulation(shards, seed);
  simulation.run(600);
  simulation.check();
}
