#include "broker/core/ledger.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

using broker::Durability;
using broker::JournalBatch;
using broker::Ledger;
using broker::MessageKey;
using broker::MessageRef;
using broker::Session;
using broker::SessionKey;

namespace {

constexpr std::uint64_t hash_key[2] = {1, 2};

/// The ledger of shard 0 of 2, and the sessions that it is about.
struct Scene {
  explicit Scene(Durability durability = Durability::commit)
      : ledger(durability, broker::ShardIndex{0}, 2) {}

  Session& session(std::string_view id, std::uint32_t expiry_interval_seconds = 60) {
    Session& made = sessions.create(id);
    made.expiry_interval_seconds = expiry_interval_seconds;
    return made;
  }
  static MessageRef message(std::string_view topic) {
    return MessageRef::copy_of(
        {topic, mqtt::as_bytes("1"), {}, mqtt::Qos::at_least_once, false, {}}, true);
  }
  void queue(Session& session, const MessageRef& message) {
    broker::Delivery delivery;
    delivery.message = message;
    delivery.qos = mqtt::Qos::at_least_once;
    session.outgoing_part().push_backlog(std::move(delivery));
    ledger.changed(session, Ledger::session_deliveries);
  }
  JournalBatch take() { return ledger.take(sessions, retained); }

  Ledger ledger;
  broker::SessionTable sessions{hash_key};
  broker::Retained retained;
};

}  // namespace

TEST_CASE("a session that does not last leaves no note", "[ledger]") {
  Scene scene;
  Session& session = scene.session("c", 0);
  scene.ledger.changed(session, Ledger::session_row);
  scene.ledger.subscribed(session, {}, "t", {});
  scene.ledger.unsubscribed(session, {}, "t");
  scene.ledger.ended(session);
  CHECK(scene.ledger.position() == 0);
  CHECK(session.key == SessionKey{0});
  CHECK(scene.take().size() == 0);
}

TEST_CASE("without a store nothing is noted", "[ledger]") {
  Scene scene(Durability::none);
  scene.ledger.changed(scene.session("c"), Ledger::session_row);
  CHECK(scene.ledger.position() == 0);
  CHECK_FALSE(scene.ledger.on());
}

TEST_CASE("changes of a session are one row, with its values when the batch is made", "[ledger]") {
  Scene scene;
  Session& session = scene.session("c");
  for (const std::uint32_t seconds : {10U, 20U, 30U}) {
    session.expiry_interval_seconds = seconds;
    scene.ledger.changed(session, Ledger::session_row);
  }
  CHECK(scene.ledger.position() == 3);
  const JournalBatch batch = scene.take();
  REQUIRE(batch.sessions.size() == 1);
  CHECK(batch.position == 3);
  CHECK(batch.sessions[0].expiry_interval_seconds == 30);
  CHECK(scene.take().size() == 0);
}

TEST_CASE("a message of several sessions is stored once, and dropped with its last delivery",
          "[ledger]") {
  Scene scene;
  Session& one = scene.session("one");
  Session& other = scene.session("other");
  const MessageRef message = Scene::message("t");
  scene.queue(one, message);
  scene.queue(other, message);
  const JournalBatch first = scene.take();
  REQUIRE(first.messages.size() == 1);
  REQUIRE(first.deliveries.size() == 2);
  CHECK(first.deliveries[0].message == first.messages[0].key);
  CHECK(first.deliveries[1].message == first.messages[0].key);

  const auto finish = [&](Session& session) {
    const mqtt::PacketId id = session.outgoing->send_front();
    scene.ledger.finished(session, session.outgoing->window().finish(id));
  };
  finish(one);
  const JournalBatch second = scene.take();
  CHECK(second.finished.size() == 1);
  CHECK(second.dropped_messages.empty());
  finish(other);
  CHECK(scene.take().dropped_messages == std::vector<MessageKey>{first.messages[0].key});
}

TEST_CASE("a delivery that is over before the batch leaves no row", "[ledger]") {
  Scene scene;
  Session& session = scene.session("c");
  scene.queue(session, Scene::message("t"));
  const mqtt::PacketId id = session.outgoing->send_front();
  scene.ledger.finished(session, session.outgoing->window().finish(id));
  const JournalBatch batch = scene.take();
  CHECK(batch.deliveries.empty());
  CHECK(batch.messages.empty());
  CHECK(batch.finished.empty());
}

TEST_CASE("the end of a session drops what only it waited for", "[ledger]") {
  Scene scene;
  Session& session = scene.session("c");
  scene.queue(session, Scene::message("t"));
  const JournalBatch first = scene.take();
  const SessionKey key = session.key;
  scene.ledger.ended(session);
  const JournalBatch second = scene.take();
  CHECK(second.ended_sessions == std::vector<SessionKey>{key});
  CHECK(second.dropped_messages == std::vector<MessageKey>{first.messages[0].key});
  CHECK(session.key == SessionKey{0});
}

TEST_CASE("a retained topic that changed often is one row", "[ledger]") {
  Scene scene;
  for (std::uint64_t i = 1; i <= 3; ++i) {
    scene.ledger.retaining("state", MessageRef{});
    scene.retained.store(Scene::message("state"), {i, 0}, nullptr);
  }
  const JournalBatch batch = scene.take();
  CHECK(batch.retained.size() == 1);
  CHECK(batch.messages.size() == 1);
}

TEST_CASE("keys of shards differ, and are above those of the store", "[ledger]") {
  Scene scene;
  Ledger other(Durability::commit, broker::ShardIndex{1}, 2);
  scene.ledger.begin_above(101);
  other.begin_above(101);
  for (int i = 0; i < 3; ++i) {
    const auto mine = static_cast<std::uint64_t>(scene.ledger.new_message_key());
    CHECK(mine > 101);
    CHECK(mine % 2 == 0);
    CHECK(static_cast<std::uint64_t>(other.new_message_key()) % 2 == 1);
  }
}
