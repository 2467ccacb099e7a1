#include <catch2/catch.hpp>
#include <cstdlib>
#include <string>
#include <vector>

#include "test/broker/fixture.h"

// Messages in flight: acknowledgements that fit, and one that never comes.

namespace {

using mqtt::PacketType;
using test::Broker;
using test::lasting;
using test::MemoryStore;
using Strings = std::vector<std::string>;

unsigned id_of(const std::string& packet) {
  return static_cast<unsigned>(std::strtoul(packet.c_str() + packet.find('m') + 1, nullptr, 10));
}

/// A subscriber to "t", and a publisher.
struct Pair {
  explicit Pair(Broker& made, unsigned qos) : broker(made) {
    subscriber = broker.client("subscriber", lasting());
    broker.subscribe(subscriber, "t", {.qos = qos});
    publisher = broker.client("publisher");
    broker.received(subscriber);
    broker.received(publisher);
  }
  void publish(const std::string& payload, unsigned qos = 1) {
    broker.publish(publisher, "t", payload, {.qos = qos, .packet_id = 1});
    if (qos == 2) broker.pubrel(publisher, 1);
    broker.received(publisher);
  }

  Broker& broker;
  Broker::Client subscriber;
  Broker::Client publisher;
};

}  // namespace

TEST_CASE("an acknowledgement of the wrong kind is a protocol error", "[window]") {
  struct Case {
    unsigned qos;
    PacketType type;
    bool released;
    bool fits;
  };
  const Case each =
      GENERATE(Case{1, PacketType::puback, false, true}, Case{1, PacketType::pubrec, false, false},
               Case{1, PacketType::pubcomp, false, false},
               Case{2, PacketType::puback, false, false}, Case{2, PacketType::pubrec, false, true},
               Case{2, PacketType::pubcomp, false, false}, Case{2, PacketType::puback, true, false},
               Case{2, PacketType::pubrec, true, true}, Case{2, PacketType::pubcomp, true, true});
  CAPTURE(each.qos, static_cast<int>(each.type), each.released);
  Broker broker;
  Pair pair(broker, each.qos);
  pair.publish("x", each.qos);
  CHECK(broker.publishes(pair.subscriber).size() == 1);
  if (each.released) broker.pubrec(pair.subscriber, 1);
  broker.received(pair.subscriber);
  broker.ack(pair.subscriber, each.type, 1);
  CHECK(broker.closed(pair.subscriber) == !each.fits);
  if (!each.fits) CHECK(broker.received(pair.subscriber) == Strings{"DISCONNECT 82"});
}

TEST_CASE("an acknowledgement of what is not in flight is no error", "[window]") {
  Broker broker;
  Pair pair(broker, 2);
  pair.publish("x", 2);
  broker.received(pair.subscriber);
  broker.puback(pair.subscriber, 7);
  broker.pubcomp(pair.subscriber, 7);
  broker.pubrec(pair.subscriber, 7);
  CHECK(broker.received(pair.subscriber) == Strings{"PUBREL m7 92"});
  CHECK_FALSE(broker.closed(pair.subscriber));
}

TEST_CASE("a window that is full of payloads is sent again after a reconnect", "[window]") {
  broker::Limits limits;
  limits.max_inflight_bytes = 10;
  Broker broker(1, limits);
  Pair pair(broker, 1);
  pair.publish(std::string(20, 'x'));
  pair.publish("next");
  CHECK(broker.publishes(pair.subscriber).size() == 1);
  broker.lose(pair.subscriber);
  pair.subscriber = broker.client("subscriber", lasting());
  CHECK(broker.take_all(pair.subscriber) == Strings{std::string(20, 'x'), "next"});
}

TEST_CASE("one delivery that is never acknowledged stops no other", "[window]") {
  const unsigned qos = GENERATE(1U, 2U);
  Broker broker;
  Pair pair(broker, qos);
  pair.publish("never", qos);
  const Strings first = broker.publishes(pair.subscriber);
  REQUIRE(first.size() == 1);
  for (int i = 0; i < 66'000; ++i) {
    pair.publish("x", qos);
    const Strings packets = broker.publishes(pair.subscriber);
    REQUIRE(packets.size() == 1);
    REQUIRE(id_of(packets[0]) != id_of(first[0]));
    if (qos == 1) {
      broker.puback(pair.subscriber, id_of(packets[0]));
    } else {
      broker.pubrec(pair.subscriber, id_of(packets[0]));
      broker.pubcomp(pair.subscriber, id_of(packets[0]));
    }
  }
  broker.lose(pair.subscriber);
  pair.subscriber = broker.client("subscriber", lasting());
  CHECK(broker.take_all(pair.subscriber) == Strings{"never"});
}

TEST_CASE("one delivery that is never acknowledged stops no queue, nor what is stored of it",
          "[window][journal]") {
  broker::Limits limits;
  limits.max_queued_messages = 0;
  MemoryStore store;
  constexpr std::size_t count = 66'000;
  {
    Broker broker(1, store, limits);
    Pair pair(broker, 1);
    pair.publish("never");
    CHECK(broker.publishes(pair.subscriber).size() == 1);
    broker.lose(pair.subscriber);
    for (std::size_t i = 0; i < count; ++i) pair.publish("x");
    pair.subscriber = broker.client("subscriber", lasting());
    std::size_t came = 0;
    for (bool more = true; more;) {
      more = false;
      for (const std::string& packet : broker.publishes(pair.subscriber)) {
        more = true;
        if (packet.find("never") != std::string::npos) continue;
        broker.puback(pair.subscriber, id_of(packet));
        ++came;
      }
    }
    CHECK(came == count);
    pair.publish("last");
    CHECK(broker.publishes(pair.subscriber).size() == 1);
    CHECK(store.deliveries() == 2);
    CHECK(store.faults().empty());
  }
  Broker broker(1, store, limits);
  CHECK(broker.take_all(broker.client("subscriber", lasting())) == Strings{"never", "last"});
  CHECK(store.deliveries() == 0);
  CHECK(store.faults().empty());
}

TEST_CASE("the packet that blocks a window is named", "[window]") {
  broker::Limits limits;
  limits.max_inflight_messages = 2;
  limits.max_queued_messages = 3;
  Broker broker(1, limits);
  Pair pair(broker, 1);
  for (int i = 0; i < 4; ++i) pair.publish("x");
  const std::string who = "Client subscriber [10.0.0.1:4711] keeps 2 messages waiting: ";
  broker.pass_milliseconds(55'000);
  CHECK_FALSE(broker.log.contains(who));
  broker.pass_milliseconds(20'000);
  CHECK(broker.log.contains(who + "packet 1 (QoS 1, topic 't') is not acknowledged for 6"));
  CHECK(broker.shard(0).metrics().clients_blocked == 1);
  const std::size_t lines = broker.log.lines.size();
  broker.pass_milliseconds(300'000);
  CHECK(broker.log.lines.size() == lines);  // once for each packet

  for (int i = 0; i < 3; ++i) pair.publish("x");
  CHECK(broker.log.contains("queue_full; packet 1 (QoS 1, topic 't') is not acknowledged."));
  broker.pass_milliseconds(10'000);
  CHECK(broker.log.contains("queue_full 1; 2 ever; packet 1 (QoS 1, topic 't') is not"));

  broker.puback(pair.subscriber, 1);
  broker.pass_milliseconds(10'000);
  CHECK(broker.shard(0).metrics().clients_blocked == 0);
}
