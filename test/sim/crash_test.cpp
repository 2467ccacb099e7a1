#include <algorithm>
#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>
#include <random>
#include <set>

#include "test/broker/fixture.h"

// A broker that dies at any moment, with any part of what it wanted stored on disk, and begins
// again, perhaps with other shards. Clients do what the specification asks of them: send again what
// was not acknowledged, and only that. The oracle outside keeps the account.

namespace {

using test::Broker;
using test::MemoryStore;

unsigned id_of(const std::string& packet) {
  return static_cast<unsigned>(std::stoul(packet.substr(packet.find(" m") + 2)));
}

struct Subscriber {
  std::string id;
  Broker::Client connection = 0;
  bool online = false;
  std::set<std::string> filters{};  // acknowledged
  std::string asked{};              // filter of a SUBSCRIBE or UNSUBSCRIBE without answer
  bool asked_to_leave = false;
  std::vector<std::string> expected{};
  std::set<std::string> maybe{};  // may come, or not: published while the answer was due
  std::vector<std::string> seen{};
  std::set<unsigned> open{};  // QoS 2 identifiers between PUBREC and PUBREL
};

/// A message of the publisher, until PUBCOMP.
struct Sending {
  unsigned id;
  std::string topic;
  std::string payload;
  bool received = false;  // PUBREC came
};

bool matches(const std::string& filter, const std::string& topic) {
  return filter == topic || filter == topic.substr(0, topic.find('/')) + "/#";
}

class Torture {
 public:
  Torture(std::uint32_t shards, unsigned seed) : random_(seed), shards_(shards) {
    for (int i = 0; i < 6; ++i) subscribers_.push_back({.id = "client" + std::to_string(i)});
    start();
  }

  void run(int steps) {
    for (int i = 0; i < steps; ++i) step();
    broker_->disk_stalls = false;
    for (int i = 0; i < 300; ++i) {
      broker_->sync();
      come_back();
      exchange();
    }
  }

  void check() {
    CHECK(sending_.empty());
    for (const Subscriber& subscriber : subscribers_) {
      CAPTURE(subscriber.id);
      std::vector<std::string> certain;
      std::set<std::string> once;
      for (const std::string& payload : subscriber.seen) {
        if (!once.insert(payload).second) FAIL("twice: " + payload);
        const bool wanted =
            std::ranges::find(subscriber.expected, payload) != subscriber.expected.end();
        if (wanted || !subscriber.maybe.contains(payload)) certain.push_back(payload);
      }
      CHECK(certain == subscriber.expected);
    }
    CHECK(crashes_ > 0);
    CHECK(store_.faults() == std::vector<std::string>{});
    CHECK(store_.deliveries() == 0);
  }

 private:
  std::size_t pick(std::size_t count) { return random_() % count; }

  void start() {
    broker::Limits limits;
    limits.max_queued_messages = 0;
    limits.max_inflight_messages = 5;
    broker_ = std::make_unique<Broker>(shards_, store_, limits);
    broker_->now = now_;
    broker_->disk_stalls = true;
    publisher_online_ = false;
    for (Subscriber& subscriber : subscribers_) subscriber.online = false;
  }

  void crash() {
    ++crashes_;
    // Some of what was on its way reached the disk, and nobody was told.
    if (pick(2) == 0) broker_->sync(pick(4));
    now_ = broker_->now;
    broker_.reset();
    start();
  }

  void step() {
    switch (pick(12)) {
      case 0:
        return pick(4) == 0 ? crash() : come_back();
      case 1:
        return come_back();
      case 2:
      case 3:
        return ask(subscribers_[pick(subscribers_.size())]);
      case 4:
      case 5:
        return broker_->sync(1 + pick(3));
      case 6:
        return lose(subscribers_[pick(subscribers_.size())]);
      case 7:
      case 8:
      case 9:
        return publish();
      default:
        return exchange();
    }
  }

  test::ConnectOptions lasting() const {
    test::ConnectOptions options;
    options.clean = false;
    options.properties = test::property_four(0x11, 0xFFFF'FFFF);
    return options;
  }

  void come_back() {
    if (!publisher_online_) {
      publisher_ = broker_->client("publisher", lasting());
      publisher_online_ = true;
      for (const Sending& sending : sending_) send(sending, true);
    }
    for (Subscriber& subscriber : subscribers_) {
      if (subscriber.online) continue;
      subscriber.connection = broker_->client(subscriber.id, lasting());
      subscriber.online = true;
      if (!subscriber.asked.empty()) send_request(subscriber);
    }
  }

  void lose(Subscriber& subscriber) {
    if (!subscriber.online || pick(3) != 0) return;
    broker_->lose(subscriber.connection);
    subscriber.online = false;
  }

  void ask(Subscriber& subscriber) {
    static const std::vector<std::string> filters = {"a/#", "b/#", "a/x", "b/y"};
    if (!subscriber.online || !subscriber.asked.empty()) return;
    subscriber.asked = filters[pick(filters.size())];
    subscriber.asked_to_leave = subscriber.filters.contains(subscriber.asked);
    // What the publisher will send again may find the subscription or not.
    for (const Sending& sending : sending_) doubt(subscriber, sending);
    send_request(subscriber);
  }

  void send_request(Subscriber& subscriber) {
    if (subscriber.asked_to_leave) {
      broker_->unsubscribe(subscriber.connection, subscriber.asked);
    } else {
      broker_->subscribe(subscriber.connection, subscriber.asked, {.qos = 2});
    }
  }

  void doubt(Subscriber& subscriber, const Sending& sending) {
    if (!matches(subscriber.asked, sending.topic)) return;
    const bool certain = std::ranges::any_of(subscriber.filters, [&](const std::string& filter) {
      return filter != subscriber.asked && matches(filter, sending.topic);
    });
    if (certain) return;
    subscriber.maybe.insert(sending.payload);
    std::erase(subscriber.expected, sending.payload);
  }

  void publish() {
    if (!publisher_online_ || sending_.size() >= 4) return;
    const std::string topic = std::string(1, "ab"[pick(2)]) + "/" + "xy"[pick(2)];
    Sending sending{next_id_, topic, std::to_string(++published_)};
    next_id_ = next_id_ % 1000 + 1;
    for (Subscriber& subscriber : subscribers_) {
      const bool wanted = std::ranges::any_of(
          subscriber.filters, [&](const std::string& filter) { return matches(filter, topic); });
      if (wanted) subscriber.expected.push_back(sending.payload);
      if (!subscriber.asked.empty()) doubt(subscriber, sending);
    }
    sending_.push_back(sending);
    send(sending, false);
  }

  void send(const Sending& sending, bool again) {
    if (sending.received) {
      broker_->ack(publisher_, 0x62, sending.id);
    } else {
      broker_->publish(publisher_, sending.topic, sending.payload,
                       {.qos = 2, .packet_id = sending.id, .dup = again});
    }
  }

  /// Everybody reads what came and answers.
  void exchange() {
    if (publisher_online_) {
      for (const std::string& packet : broker_->received(publisher_)) publisher_reads(packet);
    }
    for (Subscriber& subscriber : subscribers_) {
      if (!subscriber.online) continue;
      for (const std::string& packet : broker_->received(subscriber.connection)) {
        reads(subscriber, packet);
      }
    }
  }

  void publisher_reads(const std::string& packet) {
    if (packet.starts_with("PUBREC")) {
      const auto found = std::ranges::find(sending_, id_of(packet), &Sending::id);
      if (found == sending_.end()) return;
      found->received = true;
      broker_->ack(publisher_, 0x62, found->id);
    } else if (packet.starts_with("PUBCOMP")) {
      std::erase_if(sending_, [&](const Sending& one) { return one.id == id_of(packet); });
    }
  }

  void reads(Subscriber& subscriber, const std::string& packet) {
    if (packet.starts_with("PUBLISH")) {
      const unsigned id = id_of(packet);
      if (subscriber.open.insert(id).second) {
        subscriber.seen.push_back(packet.substr(packet.rfind(' ') + 1));
      }
      broker_->ack(subscriber.connection, 0x50, id);
    } else if (packet.starts_with("PUBREL")) {
      subscriber.open.erase(id_of(packet));
      broker_->ack(subscriber.connection, 0x70, id_of(packet));
    } else if (packet.starts_with("SUBACK") || packet.starts_with("UNSUBACK")) {
      if (subscriber.asked_to_leave) {
        subscriber.filters.erase(subscriber.asked);
      } else {
        subscriber.filters.insert(subscriber.asked);
      }
      subscriber.asked.clear();
    }
  }

  std::mt19937 random_;
  std::uint32_t shards_;
  MemoryStore store_;
  std::unique_ptr<Broker> broker_;
  broker::Instant now_{1'000'000};
  std::vector<Subscriber> subscribers_;
  Broker::Client publisher_ = 0;
  bool publisher_online_ = false;
  std::deque<Sending> sending_;
  unsigned next_id_ = 1;
  int published_ = 0;
  int crashes_ = 0;
};

}  // namespace

TEST_CASE("QoS 2 arrives exactly once and in order, wherever the broker dies", "[sim]") {
  const auto seed = GENERATE(range(0U, 300U));
  const auto shards = GENERATE(1U);
  CAPTURE(shards, seed);
  Torture torture(shards, seed);
  torture.run(800);
  torture.check();
}
