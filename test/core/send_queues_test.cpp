#include "broker/core/send_queues.h"

#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/connection.h"
#include "broker/core/session_table.h"
#include "test/core/sent.h"

using broker::DropReason;
using broker::SendQueue;
using broker::SlowConsumer;

namespace {

constexpr std::uint64_t hash_key[2] = {1, 2};

/// The queues of one session, whose client is connected.
struct Scene {
  explicit Scene(SlowConsumer policy = SlowConsumer::drop_newest) {
    listeners[0].slow_consumer = policy;
    session.connection = &connection;
    session.expiry_interval_seconds = 60;
  }

  void push(SendQueue queue, std::string_view topic, std::string_view payload = "1",
            bool always = false) {
    const auto qos =
        queue == SendQueue::backlog ? mqtt::Qos::at_least_once : mqtt::Qos::at_most_once;
    broker::Publication publication({topic, mqtt::as_bytes(payload), {}, qos, false, {}},
                                    broker::Instant{1}, 1);
    broker::Terms terms;
    terms.qos = qos;
    terms.queue_always = always;
    queues.push(session, queue, terms, publication);
  }
  std::string waiting(SendQueue queue = SendQueue::backlog) {
    std::string topics;
    const broker::Backlog* const backlog = queue == SendQueue::backlog
                                               ? &session.outgoing_part().backlog()
                                               : session.outgoing_part().unsent_if_any();
    if (backlog == nullptr) return topics;
    backlog->for_each_from(0, [&](std::uint64_t, const broker::Delivery& delivery) {
      topics += std::string(delivery.message->topic()) + " ";
    });
    return topics;
  }
  std::uint64_t dropped(DropReason reason) const {
    return metrics.dropped[static_cast<std::size_t>(reason)];
  }

  test::Silence log;
  broker::Limits limits;
  std::vector<broker::ListenerPolicy> listeners = std::vector<broker::ListenerPolicy>(1);
  broker::Metrics metrics;
  broker::Ledger ledger{broker::Durability::none, broker::ShardIndex{0}, 1};
  broker::DropLog drops{metrics, log};
  broker::SessionTable sessions{hash_key};
  broker::Session& session{sessions.create("c")};
  broker::Connection connection{{0, 1}, 0};
  broker::SendQueues queues{limits, listeners, ledger, drops};
};

}  // namespace

TEST_CASE("a full queue drops the newest message, or the oldest ones", "[send_queues]") {
  Scene scene(GENERATE(SlowConsumer::drop_newest, SlowConsumer::drop_oldest));
  scene.limits.max_queued_messages = 2;
  for (const char* const topic : {"a", "b", "c"}) {
    CHECK(scene.queues.has_room(scene.session) == (*topic != 'c'));
    scene.push(SendQueue::backlog, topic);
  }
  const bool newest = scene.listeners[0].slow_consumer == SlowConsumer::drop_newest;
  CHECK(scene.waiting() == (newest ? "a b " : "b c "));
  CHECK(scene.dropped(DropReason::queue_full) == 1);
}

TEST_CASE("latest_per_topic keeps the newest message of each topic", "[send_queues]") {
  Scene scene(SlowConsumer::latest_per_topic);
  scene.limits.max_queued_messages = 2;
  for (const char* const topic : {"a", "b", "a", "c"}) scene.push(SendQueue::backlog, topic);
  CHECK(scene.waiting() == "a c ");
  CHECK(scene.dropped(DropReason::superseded) == 1);
  CHECK(scene.dropped(DropReason::queue_full) == 1);
}

TEST_CASE("a client whose queue is full is named once, if its listener wants it ended",
          "[send_queues]") {
  Scene scene(SlowConsumer::disconnect);
  scene.limits.max_queued_messages = 1;
  for (const char* const topic : {"a", "b", "c"}) scene.push(SendQueue::backlog, topic);
  CHECK(scene.queues.overrun());
  CHECK(scene.queues.take_overrun() == std::vector{scene.connection.id});
  CHECK_FALSE(scene.queues.overrun());
  CHECK(scene.waiting() == "a ");
}

TEST_CASE("a limit in bytes counts payloads, and a queue below it takes one more",
          "[send_queues]") {
  Scene scene;
  scene.limits.max_queued_messages = 0;
  scene.limits.max_queued_bytes = 10;
  for (const char* const topic : {"a", "b", "c"}) scene.push(SendQueue::backlog, topic, "1234567");
  CHECK(scene.waiting() == "a b ");
  scene.push(SendQueue::unsent, "u", "1234567890");  // a limit for each queue
  scene.push(SendQueue::unsent, "v");
  CHECK(scene.waiting(SendQueue::unsent) == "u ");
  CHECK(scene.dropped(DropReason::slow_socket) == 1);
}

TEST_CASE("retained messages of a new subscription are queued beyond the limit", "[send_queues]") {
  Scene scene;
  scene.limits.max_queued_messages = 1;
  for (const char* const topic : {"a", "b"}) scene.push(SendQueue::backlog, topic, "1", true);
  CHECK(scene.waiting() == "a b ");
}

TEST_CASE("a socket that is gone leaves QoS 0 to the backlog, or drops it", "[send_queues]") {
  Scene scene;
  scene.limits.queue_qos0_messages = GENERATE(false, true);
  scene.push(SendQueue::backlog, "a");
  scene.push(SendQueue::unsent, "b");
  CHECK(scene.connection.congested);
  scene.queues.give_up_socket(scene.session);
  CHECK(scene.waiting(SendQueue::unsent).empty());
  CHECK(scene.waiting() == (scene.limits.queue_qos0_messages ? "a b " : "a "));
  CHECK(scene.dropped(DropReason::connection_lost) == (scene.limits.queue_qos0_messages ? 0 : 1));
}
