#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "test/broker/fixture.h"

// Every limit at its edge: one below, exactly at, one above.

namespace {

using broker::DropReason;
using broker::SlowConsumer;
using test::Broker;
using test::lasting;
using test::MemoryStore;
using Strings = std::vector<std::string>;

/// Why messages have to wait.
enum class Place : std::uint8_t { away, window, socket };

constexpr std::size_t behind_bytes = 1'000'000;  // more than any socket may be behind with

broker::ListenerPolicy policy_of(SlowConsumer slow_consumer) {
  broker::ListenerPolicy policy = Broker::open_policy();
  policy.slow_consumer = slow_consumer;
  return policy;
}

std::uint64_t dropped(const Broker& broker, DropReason reason) {
  return broker.metrics().dropped[static_cast<std::size_t>(reason)];
}

/// "1" .. "count", each `width` characters with leading zeros.
Strings numbers(std::size_t count, std::size_t first = 1, std::size_t width = 10) {
  Strings all;
  for (std::size_t i = first; i < first + count; ++i) {
    std::string text = std::to_string(i);
    all.push_back(std::string(width - text.size(), '0') + text);
  }
  return all;
}

/// A subscriber to "t" with waiting messages, and a publisher. Each payload takes ten bytes.
class Scene {
 public:
  Scene(Broker& broker, Place place, unsigned qos) : broker_(broker), place_(place), qos_(qos) {
    subscriber_ = broker.client("subscriber", lasting());
    broker.subscribe(subscriber_, "t", {.qos = qos});
    broker.subscribe(subscriber_, "u", {.qos = qos});
    publisher_ = broker.client("publisher");
    broker.received(subscriber_);
    if (place == Place::away) broker.lose(subscriber_);
    if (place == Place::socket) broker.set_queued(subscriber_, behind_bytes);
    if (place == Place::window) {
      publish("in window");  // and it stays there
      broker.received(subscriber_);
      id_in_window_ = 1;
    }
  }

  void publish(const std::string& payload, std::string_view topic = "t") {
    broker_.publish(publisher_, topic, payload, {.qos = qos_, .packet_id = 1});
    if (qos_ == 2) broker_.pubrel(publisher_, 1);
    broker_.received(publisher_);
  }
  void publish(const Strings& payloads) {
    for (const std::string& payload : payloads) publish(payload);
  }

  /// Nothing is in the way any more: what had waited, in order.
  Strings take() {
    if (place_ == Place::away) subscriber_ = broker_.client("subscriber", lasting());
    if (place_ == Place::socket) broker_.set_queued(subscriber_, 0);
    if (place_ == Place::window) {
      broker_.ack(subscriber_, qos_ == 1 ? mqtt::PacketType::puback : mqtt::PacketType::pubrec,
                  id_in_window_);
    }
    return broker_.take_all(subscriber_);
  }

  [[nodiscard]] Broker::Client subscriber() const { return subscriber_; }
  [[nodiscard]] Broker::Client publisher() const { return publisher_; }

 private:
  Broker& broker_;
  Place place_;
  unsigned qos_;
  Broker::Client subscriber_;
  Broker::Client publisher_;
  unsigned id_in_window_ = 0;
};

/// Limits under which messages wait in that place.
broker::Limits limits_for(Place place) {
  broker::Limits limits;
  limits.queue_qos0_messages = true;
  if (place == Place::window) limits.max_inflight_messages = 1;
  return limits;
}

DropReason reason_for(Place place, unsigned qos) {
  return place == Place::socket && qos == 0 ? DropReason::slow_socket : DropReason::queue_full;
}

}  // namespace

TEST_CASE("max_queued_messages at its edge", "[limits]") {
  const auto place = GENERATE(Place::away, Place::window, Place::socket);
  const auto qos = GENERATE(0U, 1U, 2U);
  if (place == Place::window && qos == 0) return;  // QoS 0 has no window
  const std::size_t count = GENERATE(4U, 5U, 6U);
  CAPTURE(place, qos, count);
  broker::Limits limits = limits_for(place);
  limits.max_queued_messages = 5;
  Broker broker(GENERATE(1U, 3U), limits);
  Scene scene(broker, place, qos);
  scene.publish(numbers(count));
  const std::size_t over = count > 5 ? count - 5 : 0;
  CHECK(broker.metrics().publish_dropped == over);
  CHECK(dropped(broker, reason_for(place, qos)) == over);
  CHECK(scene.take() == numbers(count - over));
}

TEST_CASE("max_queued_messages 0 is no limit", "[limits]") {
  const auto place = GENERATE(Place::away, Place::socket);
  const auto qos = GENERATE(0U, 1U, 2U);
  broker::Limits limits = limits_for(place);
  limits.max_queued_messages = 0;
  Broker broker(1, limits);
  Scene scene(broker, place, qos);
  scene.publish(numbers(3000));
  CHECK(broker.metrics().publish_dropped == 0);
  CHECK(scene.take() == numbers(3000));
}

TEST_CASE("max_queued_bytes at its edge", "[limits]") {
  const auto place = GENERATE(Place::away, Place::window, Place::socket);
  const auto qos = GENERATE(0U, 1U, 2U);
  if (place == Place::window && qos == 0) return;
  const std::size_t most = GENERATE(29U, 30U, 31U);
  CAPTURE(place, qos, most);
  broker::Limits limits = limits_for(place);
  limits.max_queued_bytes = most;
  Broker broker(1, limits);
  Scene scene(broker, place, qos);
  scene.publish(numbers(5));
  const std::size_t fit = most <= 30 ? 3 : 4;  // below the limit there is room for one more
  CHECK(dropped(broker, reason_for(place, qos)) == 5 - fit);
  CHECK(scene.take() == numbers(fit));
}

TEST_CASE("max_queued_qos0_bytes at its edge, topics counted", "[limits]") {
  const std::size_t most = GENERATE(32U, 33U, 34U);
  const auto place = GENERATE(Place::away, Place::socket);
  broker::Limits limits = limits_for(place);
  limits.max_queued_qos0_bytes = most;
  limits.max_queued_bytes = GENERATE(0U, 1000U);
  Broker broker(1, limits);
  Scene scene(broker, place, 0);
  scene.publish(numbers(5));
  // It is about sockets: while a client is away the other two hold.
  const std::size_t fit = place == Place::away ? 5 : most <= 33 ? 3 : 4;
  CHECK(broker.metrics().publish_dropped == 5 - fit);
  CHECK(scene.take() == numbers(fit));
}

TEST_CASE("QoS 0 and QoS 1 do not take each other's room", "[limits]") {
  broker::Limits limits;
  limits.max_queued_messages = 5;
  Broker broker(1, limits);
  Scene scene(broker, Place::socket, 1);
  scene.publish(numbers(5));
  for (const std::string& number : numbers(6, 100)) {
    broker.publish(scene.publisher(), "t", number);
  }
  CHECK(dropped(broker, DropReason::slow_socket) == 1);
  CHECK(dropped(broker, DropReason::queue_full) == 0);
  CHECK(scene.take().size() == 10);
}

TEST_CASE("max_inflight_messages at its edge", "[limits]") {
  const auto qos = GENERATE(1U, 2U);
  const std::size_t most = GENERATE(1U, 4U);
  broker::Limits limits;
  limits.max_inflight_messages = static_cast<std::uint16_t>(most);
  Broker broker(1, limits);
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, "t", {.qos = qos});
  const auto publisher = broker.client("p");
  broker.received(subscriber);
  for (std::size_t sent = 1; sent <= most + 1; ++sent) {
    broker.publish(publisher, "t", std::to_string(sent), {.qos = 1});
    CAPTURE(sent);
    CHECK(broker.publishes(subscriber).size() == (sent <= most ? 1 : 0));
  }
}

TEST_CASE("max_inflight_bytes at its edge", "[limits]") {
  const auto qos = GENERATE(1U, 2U);
  const std::size_t most = GENERATE(29U, 30U, 31U);
  broker::Limits limits;
  limits.max_inflight_bytes = most;
  Broker broker(1, limits);
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, "t", {.qos = qos});
  const auto publisher = broker.client("p");
  broker.received(subscriber);
  for (const std::string& payload : numbers(5)) {
    broker.publish(publisher, "t", payload, {.qos = 2});
    broker.pubrel(publisher, 1);
  }
  CHECK(broker.publishes(subscriber).size() == (most <= 30 ? 3 : 4));
  broker.publish(publisher, "t", "last", {.qos = 2});
  CHECK(broker.take_all(subscriber).empty());  // nothing was acknowledged
}

TEST_CASE("a message larger than max_inflight_bytes goes out alone", "[limits]") {
  broker::Limits limits;
  limits.max_inflight_bytes = 5;
  Broker broker(1, limits);
  const auto subscriber = broker.client("s");
  broker.subscribe(subscriber, "t", {.qos = 1});
  broker.received(subscriber);
  const auto publisher = broker.client("p");
  broker.publish(publisher, "t", "0123456789", {.qos = 1});
  broker.publish(publisher, "t", "x", {.qos = 1});
  CHECK(broker.publishes(subscriber).size() == 1);
  broker.puback(subscriber, 1);
  CHECK(broker.publishes(subscriber) == Strings{"PUBLISH q1 r0 d0 m2 t x"});
}

TEST_CASE("drop_oldest: what comes pushes out what has waited longest", "[limits]") {
  const auto place = GENERATE(Place::away, Place::window, Place::socket);
  const auto qos = GENERATE(0U, 1U, 2U);
  if (place == Place::window && qos == 0) return;
  const bool by_bytes = GENERATE(false, true);
  CAPTURE(place, qos, by_bytes);
  broker::Limits limits = limits_for(place);
  limits.max_queued_messages = by_bytes ? 0 : 3;
  limits.max_queued_bytes = by_bytes ? 30 : 0;
  Broker broker(1, limits, policy_of(SlowConsumer::drop_oldest));
  Scene scene(broker, place, qos);
  scene.publish(numbers(7));
  CHECK(dropped(broker, reason_for(place, qos)) == 4);
  CHECK(scene.take() == numbers(3, 5));
}

TEST_CASE("drop_oldest: what would not fit alone pushes nobody out", "[limits]") {
  broker::Limits limits;
  limits.max_queued_bytes = 30;
  Broker broker(1, limits, policy_of(SlowConsumer::drop_oldest));
  Scene scene(broker, Place::away, 1);
  scene.publish(numbers(3));
  scene.publish(std::string(31, 'x'));
  CHECK(dropped(broker, DropReason::queue_full) == 1);
  CHECK(scene.take() == numbers(3));
}

TEST_CASE("drop_oldest: identifiers stay sound after more drops than there are", "[limits]") {
  broker::Limits limits;
  limits.max_queued_messages = 2;
  limits.max_inflight_messages = 1;
  Broker broker(1, limits, policy_of(SlowConsumer::drop_oldest));
  Scene scene(broker, Place::window, 1);
  const std::size_t count =
      GENERATE(65'531U, 65'532U, 65'533U, 65'534U, 65'535U, 65'540U, 140'000U);
  scene.publish(numbers(count));
  CHECK(dropped(broker, DropReason::queue_full) == count - 2);
  CHECK(scene.take() == numbers(2, count - 1));
  scene.publish(numbers(1));
  CHECK(broker.take_all(scene.subscriber()) == numbers(1));
}

TEST_CASE("latest_per_topic: of each topic only the latest waits", "[limits]") {
  const auto place = GENERATE(Place::away, Place::window, Place::socket);
  const auto qos = GENERATE(0U, 1U, 2U);
  if (place == Place::window && qos == 0) return;
  CAPTURE(place, qos);
  Broker broker(GENERATE(1U, 3U), limits_for(place), policy_of(SlowConsumer::latest_per_topic));
  Scene scene(broker, place, qos);
  for (const std::string& payload : numbers(500)) {
    scene.publish(payload, "t");
    if (payload.back() == '7') scene.publish("u" + payload, "u");
  }
  CHECK(broker.metrics().publish_dropped == 499 + 49);
  CHECK(dropped(broker, DropReason::superseded) == 499 + 49);
  CHECK(scene.take() == Strings{"u0000000497", "0000000500"});
}

TEST_CASE("latest_per_topic: a queue that is full of topics drops the oldest", "[limits]") {
  broker::Limits limits;
  limits.max_queued_messages = 1;
  Broker broker(1, limits, policy_of(SlowConsumer::latest_per_topic));
  Scene scene(broker, Place::away, 1);
  scene.publish("one", "t");
  scene.publish("two", "u");
  CHECK(dropped(broker, DropReason::queue_full) == 1);
  CHECK(scene.take() == Strings{"two"});
}

TEST_CASE("disconnect: a client whose queue is full is told and closed", "[limits]") {
  const auto qos = GENERATE(0U, 1U, 2U);
  const auto count = GENERATE(5U, 6U);
  broker::Limits limits;
  limits.max_queued_messages = 5;
  Broker broker(GENERATE(1U, 3U), limits, policy_of(SlowConsumer::disconnect));
  Scene scene(broker, Place::socket, qos);
  scene.publish(numbers(count));
  CHECK(broker.closed(scene.subscriber()) == (count == 6));
  if (count == 5) return;
  CHECK(broker.received(scene.subscriber()).back() == "DISCONNECT 97");
  CHECK(broker.log.contains("subscriber [10.0.0.1:4711] disconnected: its queue is full."));
  // The session goes on, and while nobody can be disconnected the newest is dropped.
  scene.publish("more");
  const auto again = broker.client("subscriber", lasting());
  const Strings kept = qos == 0 ? Strings{} : numbers(5);
  CHECK(broker.take_all(again) == kept);
  CHECK(dropped(broker, DropReason::connection_lost) == (qos == 0 ? 5 : 0));
}

TEST_CASE("disconnect: the will of who is closed may close others", "[limits]") {
  broker::Limits limits;
  limits.max_queued_messages = 1;
  Broker broker(1, limits, policy_of(SlowConsumer::disconnect));
  test::ConnectOptions options;
  options.will_topic = "t";
  const auto first = broker.client("first", options);
  broker.subscribe(first, "u");
  const auto second = broker.client("second");
  broker.subscribe(second, "t");
  const auto publisher = broker.client("publisher");
  broker.set_queued(first, behind_bytes);
  broker.set_queued(second, behind_bytes);
  broker.publish(publisher, "t", "one");
  broker.publish(publisher, "u", "one");
  broker.publish(publisher, "u", "two");
  CHECK(broker.closed(first));
  CHECK(broker.closed(second));
}

TEST_CASE("what is in flight never gives way", "[limits]") {
  const auto policy = GENERATE(SlowConsumer::drop_newest, SlowConsumer::drop_oldest,
                               SlowConsumer::latest_per_topic);
  broker::Limits limits;
  limits.max_queued_messages = 1;
  limits.max_inflight_messages = 3;
  Broker broker(1, limits, policy_of(policy));
  Scene scene(broker, Place::socket, 1);
  broker.set_queued(scene.subscriber(), 0);
  scene.publish(numbers(20));
  CHECK(broker.publishes(scene.subscriber()).size() == 3);
  broker.lose(scene.subscriber());
  const auto again = broker.client("subscriber", lasting());
  Strings kept = numbers(3);
  kept.push_back(policy == SlowConsumer::drop_newest ? "0000000004" : "0000000020");
  CHECK(broker.take_all(again) == kept);
}

TEST_CASE("what gave way is not in the store either, and what is left comes back", "[limits]") {
  const auto policy = GENERATE(SlowConsumer::drop_newest, SlowConsumer::drop_oldest,
                               SlowConsumer::latest_per_topic);
  const bool slow_disk = GENERATE(false, true);
  CAPTURE(policy, slow_disk);
  broker::Limits limits;
  limits.max_queued_messages = 4;
  MemoryStore store;
  {
    Broker broker(1, store, limits, broker::Durability::commit, policy_of(policy));
    Scene scene(broker, Place::away, 1);
    broker.disk_stalls = slow_disk;
    for (int round = 0; round < 50; ++round) {
      scene.publish(numbers(2, static_cast<std::size_t>(2 * round + 1)));
      scene.publish("u", "u");
      broker.sync();
    }
    broker.sync();
    broker.sync();
    const std::size_t left = policy == SlowConsumer::latest_per_topic ? 2 : 4;
    CHECK(store.deliveries() == left);
    CHECK(store.messages() == left);
    CHECK(store.faults().empty());
  }
  Broker broker(1, store, limits, broker::Durability::commit, policy_of(policy));
  const auto again = broker.client("subscriber", lasting());
  const Strings kept =
      policy == SlowConsumer::drop_newest   ? Strings{"0000000001", "0000000002", "u", "0000000003"}
      : policy == SlowConsumer::drop_oldest ? Strings{"u", "0000000099", "0000000100", "u"}
                                            : Strings{"0000000100", "u"};
  CHECK(broker.take_all(again) == kept);
  CHECK(store.deliveries() == 0);
  CHECK(store.messages() == 0);
}

TEST_CASE("drops are told once, and then at intervals", "[limits]") {
  broker::Limits limits;
  limits.max_queued_messages = 1;
  Broker broker(1, limits);
  Scene scene(broker, Place::away, 1);
  broker.pass_milliseconds(100);
  broker.log.lines.clear();
  scene.publish(numbers(1000));
  CHECK(broker.log.lines ==
        Strings{"Outgoing messages are being dropped for client subscriber: queue_full."});
  broker.pass_milliseconds(10'000);
  REQUIRE(broker.log.lines.size() == 2);
  CHECK(broker.log.lines.back() ==
        "Messages dropped for client subscriber: queue_full 998; 999 ever.");
  broker.pass_milliseconds(60'000);
  CHECK(broker.log.lines.size() == 2);
  scene.publish("again");
  CHECK(broker.log.lines.size() == 3);
}

TEST_CASE("drops of many clients are told in few lines", "[limits]") {
  broker::Limits limits;
  limits.max_queued_messages = 1;
  Broker broker(1, limits);
  for (int i = 0; i < 100; ++i) {
    const auto away = broker.client("away" + std::to_string(i), lasting());
    broker.subscribe(away, "t", {.qos = 1});
    broker.lose(away);
  }
  const auto publisher = broker.client("publisher");
  broker.pass_milliseconds(1100);  // what LineRates held back of the clients that came is told
  broker.log.lines.clear();
  for (int i = 0; i < 3; ++i) broker.publish(publisher, "t", "x", {.qos = 1});
  CHECK(broker.log.lines.size() == 20);
  broker.pass_milliseconds(10'000);
  CHECK(broker.log.lines.size() == 41);
  CHECK(broker.log.contains("Messages dropped for 80 more clients: 160."));
}

TEST_CASE("retained messages are queued however many they are, but not on a full queue",
          "[limits]") {
  const auto qos = GENERATE(0U, 1U);
  broker::Limits limits;
  limits.max_queued_messages = 10;
  limits.max_inflight_messages = 1;
  Broker broker(1, limits);
  const auto publisher = broker.client("publisher");
  for (int i = 0; i < 50; ++i) {
    broker.publish(publisher, "kept/" + std::to_string(100 + i), "x", {.qos = 1, .retain = true});
  }
  const auto subscriber = broker.client("subscriber");
  broker.set_queued(subscriber, behind_bytes);
  broker.subscribe(subscriber, "kept/+", {.qos = qos});
  CHECK(broker.metrics().publish_dropped == 0);
  broker.subscribe(subscriber, "kept/#", {.qos = qos});
  CHECK(broker.metrics().publish_dropped == 50);
  broker.set_queued(subscriber, 0);
  CHECK(broker.take_all(subscriber).size() == 50);
}

TEST_CASE("a full outbox is drained before more is handled", "[limits]") {
  // One packet of a few bytes makes megabytes of output; all of them came in one read.
  Broker broker;
  std::vector<Broker::Client> subscribers;
  test::ConnectOptions old;
  old.version = mqtt::Version::v3_1_1;
  for (int i = 0; i < 100; ++i) {
    subscribers.push_back(broker.client(std::string("s").append(std::to_string(i)), old));
    broker.subscribe(subscribers.back(), "#");
    broker.received(subscribers.back());
  }
  const auto publisher = broker.client("p");
  broker.received(publisher);
  const std::string topic(60'000, 't');
  std::string bytes = test::publish(topic, "first", {.topic_alias = 1});
  for (int i = 0; i < 9; ++i) {
    bytes += test::publish("", std::to_string(i), {.topic_alias = 1});
  }
  bytes += test::pingreq();
  broker.feed_once(publisher, bytes);
  // 33,554,432 bytes are full, each publish makes 6,000,000.
  CHECK(broker.pending_bytes() < 40'000'000);
  broker.settle();
  CHECK(broker.received(publisher) == Strings{"PINGRESP"});
  for (const auto subscriber : subscribers) CHECK(broker.publishes(subscriber).size() == 10);
}

TEST_CASE("who does not read its answers is not read", "[limits]") {
  Broker broker;
  const auto client = broker.client("c");
  broker.received(client);
  const std::string pings = [] {
    std::string many;
    for (int i = 0; i < 50'000; ++i) many += test::pingreq();
    return many;
  }();
  broker.send(client, pings);
  CHECK(broker.reads(client));  // its socket has taken everything so far
  broker.set_queued(client, 1);
  for (int i = 0; i < 9; ++i) broker.send(client, pings);
  CHECK(broker.reads(client));  // 1,000,000 bytes are unread, 1,048,576 would be too many
  broker.send(client, pings);
  CHECK_FALSE(broker.reads(client));
  broker.set_queued(client, 1000);
  CHECK_FALSE(broker.reads(client));
  broker.set_queued(client, 0);
  CHECK(broker.reads(client));
}

TEST_CASE("a PUBREL that a client asks for again and again is an answer, too", "[limits]") {
  Broker broker;
  const auto client = broker.client("c");
  broker.received(client);
  std::string pubrecs;
  const std::string pubrec =
      test::encoded(mqtt::Ack{.type = mqtt::PacketType::pubrec, .packet_id = mqtt::PacketId{7}});
  for (int i = 0; i < 50'000; ++i) pubrecs += pubrec;
  broker.set_queued(client, 1);
  for (int i = 0; i < 4; ++i) broker.send(client, pubrecs);  // answered with 5 bytes each
  CHECK(broker.reads(client));  // 1,000,000 bytes are unread, 1,048,576 would be too many
  broker.send(client, pubrecs);
  CHECK_FALSE(broker.reads(client));
}
