#include "broker/core/message.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>

using broker::Instant;
using broker::MessageRef;
using broker::MessageView;
using broker::SharedMessage;

namespace {

const std::string properties = {'\x01', '\x01'};

MessageView sample(std::string_view payload) {
  return {"a/b",
          mqtt::as_bytes(payload),
          mqtt::as_bytes(properties),
          mqtt::Qos::exactly_once,
          true,
          Instant{5000}};
}

void check_same(const MessageView& left, const MessageView& right) {
  CHECK(left.topic == right.topic);
  CHECK(mqtt::as_text(left.payload) == mqtt::as_text(right.payload));
  CHECK(mqtt::as_text(left.properties) == mqtt::as_text(right.properties));
  CHECK(left.qos == right.qos);
  CHECK(left.retain == right.retain);
  CHECK(left.expires == right.expires);
}

}  // namespace

TEST_CASE("a message says what the view it was copied from said", "[message]") {
  const std::string payload = GENERATE(std::string(), std::string("hi"), std::string(100'000, 'x'));
  const MessageRef message = MessageRef::copy_of(sample(payload));
  check_same(message->view(), sample(payload));
  CHECK(message->size_bytes() == 3 + 2 + payload.size());
}

TEST_CASE("a message outlives the bytes it was made of", "[message]") {
  std::string payload = "before";
  const MessageRef message = MessageRef::copy_of(sample(payload));
  payload = "behind";
  CHECK(mqtt::as_text(message->payload()) == "before");
}

TEST_CASE("a message lives as long as somebody holds it", "[message]") {
  MessageRef first = MessageRef::copy_of(sample("hi"));
  MessageRef second = first;
  const MessageRef third = std::move(first);
  CHECK_FALSE(first);  // NOLINT(bugprone-use-after-move): what a moved-from one says is the matter
  CHECK(&*second == &*third);
  second = MessageRef();
  CHECK_FALSE(second);
  CHECK(mqtt::as_text(third->payload()) == "hi");
  second = third;
  second = std::as_const(second);
  CHECK(mqtt::as_text(second->payload()) == "hi");
}

TEST_CASE("shared bytes become a message of each shard without being copied", "[message]") {
  const std::string payload(1000, 'x');
  MessageRef here;
  MessageRef there;
  const std::byte* bytes = nullptr;
  {
    const SharedMessage shared = SharedMessage::copy_of(sample(payload));
    check_same(shared.view(), sample(payload));
    bytes = shared.bytes.view().data();
    here = MessageRef::adopt(shared);
    there = MessageRef::adopt(shared);
  }
  check_same(here->view(), sample(payload));
  here = MessageRef();
  check_same(there->view(), sample(payload));
  CHECK(static_cast<const void*>(there->topic().data()) == bytes);
}

TEST_CASE("an empty message can be shared", "[message]") {
  const MessageView nothing{"t", {}, {}, mqtt::Qos::at_most_once, false, std::nullopt};
  check_same(MessageRef::adopt(SharedMessage::copy_of(nothing))->view(), nothing);
}

TEST_CASE("a message expires when its interval has passed [MQTT-3.3.2-5]", "[message]") {
  const MessageRef message = MessageRef::copy_of(sample("hi"));
  CHECK(message->expires() == Instant{5000});
  CHECK_FALSE(message->expired(Instant{4999}));
  CHECK(message->expired(Instant{5000}));
}

TEST_CASE("a message without an interval never expires", "[message]") {
  MessageView view = sample("hi");
  view.expires.reset();
  const MessageRef message = MessageRef::copy_of(view);
  CHECK_FALSE(message->expires());
  CHECK_FALSE(message->expired(Instant{INT64_MAX - 1}));
}
