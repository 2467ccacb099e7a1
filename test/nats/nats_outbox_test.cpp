#include "transport/nats/nats_outbox.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>
#include <vector>

using transport::NatsOutbox;

namespace {

std::string payload_of(const NatsOutbox::Message& message) {
  return std::string(mqtt::as_text(message.payload));
}

bool add(NatsOutbox& outbox, std::string_view subject, std::string_view payload) {
  return outbox.add(subject, mqtt::as_bytes(payload)).queued;
}

}  // namespace

TEST_CASE("an outbox gives messages back in their order, empty payloads among them",
          "[nats_outbox]") {
  NatsOutbox outbox(1000);
  CHECK_FALSE(outbox.front());
  REQUIRE(add(outbox, "a.b", "one"));
  REQUIRE(add(outbox, "c", ""));
  REQUIRE(outbox.front());
  // What comes while the sender reads waits behind that.
  REQUIRE(add(outbox, "d", "three"));
  std::vector<std::string> seen;
  while (const auto message = outbox.front()) {
    seen.push_back(std::string(message->subject) + "=" + payload_of(*message));
    CHECK_FALSE(outbox.pop());
  }
  CHECK(seen == std::vector<std::string>{"a.b=one", "c=", "d=three"});
  CHECK(outbox.bytes() == 0);
}

TEST_CASE("an outbox takes messages until it is full, and tells once of room at half of that",
          "[nats_outbox]") {
  NatsOutbox outbox(100);
  const std::string payload(40, 'x');  // 50 bytes with sizes and subject
  CHECK(outbox.add("s", mqtt::as_bytes(payload)).has_room);
  const auto last = outbox.add("s", mqtt::as_bytes(payload));
  CHECK(last.queued);
  CHECK_FALSE(last.has_room);
  CHECK_FALSE(add(outbox, "s", ""));
  CHECK(outbox.bytes() == 100);

  REQUIRE(outbox.front());
  CHECK(outbox.pop());
  REQUIRE(outbox.front());
  CHECK_FALSE(outbox.pop());
  CHECK(add(outbox, "s", ""));
}

TEST_CASE("a sender that rests is woken by the first message, and by that alone", "[nats_outbox]") {
  NatsOutbox outbox(1000);
  CHECK_FALSE(outbox.add("s", {}).wake);
  CHECK_FALSE(outbox.rest());
  REQUIRE(outbox.front());
  CHECK_FALSE(outbox.rest());
  CHECK_FALSE(outbox.pop());
  CHECK(outbox.rest());
  CHECK(outbox.add("s", {}).wake);
  CHECK_FALSE(outbox.add("s", {}).wake);
}

TEST_CASE("an outbox keeps the order of each of several publishers", "[nats_outbox]") {
  constexpr int publishers = 3;
  constexpr int messages = 20'000;
  NatsOutbox outbox(4096);
  std::vector<std::thread> threads;
  for (int publisher = 0; publisher < publishers; ++publisher) {
    threads.emplace_back([&outbox, publisher] {
      const std::string subject(1, static_cast<char>('a' + publisher));
      for (int number = 0; number < messages;) {
        if (add(outbox, subject, std::to_string(number))) {
          ++number;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }
  std::vector<int> next(publishers, 0);
  int out_of_order = 0;
  for (int taken = 0; taken < publishers * messages;) {
    const auto message = outbox.front();
    if (!message) {
      std::this_thread::yield();
      continue;
    }
    int& expected = next[static_cast<std::size_t>(message->subject[0] - 'a')];
    if (payload_of(*message) != std::to_string(expected++)) ++out_of_order;
    static_cast<void>(outbox.pop());
    ++taken;
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(out_of_order == 0);
  CHECK(outbox.bytes() == 0);
}
