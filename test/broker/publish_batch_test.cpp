#include "broker/publish_batch.h"

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "broker/mailbox.h"
#include "broker/peer.h"
#include "test/broker/fixture.h"

namespace {

using broker::Instant;
using broker::MessageView;
using broker::PeerId;
using broker::PublishBatch;

MessageView message(std::string_view topic, std::string_view payload) {
  MessageView view;
  view.topic = topic;
  view.payload = mqtt::as_bytes(payload);
  return view;
}

struct Copy {
  std::string topic, properties, payload;
  std::optional<Instant> expires;
  bool operator==(const Copy&) const = default;
};

std::vector<Copy> contents(const PublishBatch& batch) {
  std::vector<Copy> copies;
  batch.for_each([&](const MessageView& view) {
    copies.push_back({std::string(view.topic), std::string(mqtt::as_text(view.properties)),
                      std::string(mqtt::as_text(view.payload)), view.expires});
    CHECK(view.qos == mqtt::Qos::at_most_once);
    CHECK_FALSE(view.retain);
  });
  return copies;
}

}  // namespace

TEST_CASE("a batch gives back what was put into it, in order", "[publish_batch]") {
  PublishBatch batch;
  MessageView with_everything = message("a/b", "payload");
  with_everything.properties = mqtt::as_bytes("properties");
  with_everything.expires = Instant{77};
  batch.append(with_everything);
  batch.append(message("a", ""));
  batch.append(message("a/b/c", std::string(500, 'x')));
  CHECK(batch.size() == 3);
  const PublishBatch moved = std::move(batch);
  CHECK(contents(moved) == std::vector<Copy>{{"a/b", "properties", "payload", Instant{77}},
                                             {"a", "", "", std::nullopt},
                                             {"a/b/c", "", std::string(500, 'x'), std::nullopt}});
}

TEST_CASE("only small messages of QoS 0 that are not retained go into batches", "[publish_batch]") {
  MessageView view = message("a", "x");
  CHECK(PublishBatch::takes(view));
  view.qos = mqtt::Qos::at_least_once;
  CHECK_FALSE(PublishBatch::takes(view));
  view.qos = mqtt::Qos::at_most_once;
  view.retain = true;
  CHECK_FALSE(PublishBatch::takes(view));
  CHECK(PublishBatch::takes(message("a", std::string(900, 'x'))));
  CHECK_FALSE(PublishBatch::takes(message("a", std::string(1024, 'x'))));
  CHECK_FALSE(PublishBatch::takes(message(std::string(1024, 'a'), "")));
}

TEST_CASE("a peer's outbox begins a new batch when one is full, and behind other messages",
          "[publish_batch]") {
  broker::PeerOutbox outbox(2);
  const std::string payload(900, 'x');
  for (int i = 0; i < 40; ++i) outbox.publish(PeerId{1}, message("a", payload));
  outbox.send(PeerId{1}, broker::GroupLeave{});
  outbox.publish(PeerId{1}, message("b", payload));
  CHECK_FALSE(outbox.empty());
  const std::vector<broker::PeerMessage>& told = outbox.messages(PeerId{1});
  REQUIRE(told.size() > 3);
  std::size_t count = 0;
  for (const broker::PeerMessage& one : told) {
    if (const auto* const batch = std::get_if<PublishBatch>(&one)) {
      CHECK(batch->size_bytes() <= 16'384);
      CHECK(broker::may_be_dropped(one));
      CHECK(broker::message_count(one) == batch->size());
      count += batch->size();
    }
  }
  CHECK(count == 41);
  CHECK(std::holds_alternative<broker::GroupLeave>(told[told.size() - 2]));
  CHECK(contents(std::get<PublishBatch>(told.back())).front().topic == "b");
}

TEST_CASE("what crosses in batches keeps its order, its properties and its expiry",
          "[publish_batch]") {
  test::Broker broker(4);
  std::vector<test::Broker::Client> subscribers;
  for (int i = 0; i < 8; ++i) {
    subscribers.push_back(broker.client("subscriber-" + std::to_string(i)));
    broker.subscribe(subscribers.back(), "news/#");
    (void)broker.received(subscribers.back());
  }
  const auto publisher = broker.client("publisher");
  test::PublishOptions options;
  options.expiry_seconds = 60;
  options.properties = test::user_property("name", "value");
  std::vector<std::string> expected;
  for (int i = 0; i < 50; ++i) {
    const std::string topic = "news/" + std::to_string(i % 3);
    // A large one goes its own way, and stays in line.
    const std::string payload = i % 10 == 9 ? std::string(2000, 'x') : std::to_string(i);
    broker.publish(publisher, topic, payload, options);
    expected.push_back("PUBLISH q0 r0 d0 m0 " + topic + " " + payload);
  }
  for (const test::Broker::Client subscriber : subscribers) {
    const std::vector<std::string> got = broker.publishes(subscriber);
    REQUIRE(got.size() == expected.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      CHECK(got[i].starts_with(expected[i]));
      CHECK(got[i].find("38=name") != std::string::npos);
      CHECK(got[i].find("2=60") != std::string::npos);
    }
  }
}

TEST_CASE("a batch that finds no room is dropped, and each of its messages counted",
          "[publish_batch]") {
  broker::Mailboxes mailboxes(2, {.drop_messages = 1});
  broker::PeerOutbox outbox(2);
  const auto push = [&](int messages) {
    for (int i = 0; i < messages; ++i) outbox.publish(PeerId{1}, message("a", "x"));
    return mailboxes.push(PeerId{0}, PeerId{1}, outbox.messages(PeerId{1})).dropped;
  };
  CHECK(push(2) == 0);
  CHECK(push(3) == 3);
  CHECK(mailboxes.dropped() == 3);
}
