#include "broker/mailbox.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

namespace broker {
namespace {

PeerMessage publish(std::uint64_t number, mqtt::Qos qos, std::uint32_t payload_size = 8) {
  PeerPublish message;
  message.message.qos = qos;
  message.message.payload_size = payload_size;
  message.stamp.count = number;
  return message;
}

PeerMessage join(std::uint64_t number) {
  GroupJoin message;
  message.session_number = number;
  return message;
}

template <typename... Messages>
std::vector<PeerMessage> list_of(Messages... said) {
  std::vector<PeerMessage> messages;
  (messages.push_back(std::move(said)), ...);
  return messages;
}

constexpr PeerId zero{0};
constexpr PeerId one{1};
constexpr PeerId two{2};

struct Received {
  PeerId from;
  bool control;
  std::uint64_t number;
  bool operator==(const Received&) const = default;
};

Received received(PeerId from, const PeerMessage& message) {
  if (const auto* const joined = std::get_if<GroupJoin>(&message)) {
    return {from, true, joined->session_number};
  }
  return {from, false, std::get<PeerPublish>(message).stamp.count};
}

std::vector<Received> drain(Mailboxes& mailboxes, PeerId to) {
  std::vector<Received> all;
  static_cast<void>(mailboxes.drain(to, [&](PeerId from, const PeerMessage& message) {
    all.push_back(received(from, message));
  }));
  return all;
}

}  // namespace

TEST_CASE("a peer outbox sorts messages by receiver and counts them", "[mailbox]") {
  PeerOutbox outbox(3);
  CHECK(outbox.empty());
  outbox.send(two, publish(1, mqtt::Qos::at_most_once));
  outbox.send(one, join(2));
  CHECK_FALSE(outbox.empty());
  CHECK(outbox.messages(two).size() == 1);
  CHECK(outbox.messages(one).size() == 1);
  outbox.messages(two).clear();
  outbox.settled();
  CHECK_FALSE(outbox.empty());
  outbox.messages(one).clear();
  outbox.settled();
  CHECK(outbox.empty());
}

TEST_CASE("only a publish with QoS 0 that retains nothing may be dropped", "[mailbox]") {
  CHECK(may_be_dropped(publish(1, mqtt::Qos::at_most_once)));
  CHECK_FALSE(may_be_dropped(publish(1, mqtt::Qos::at_least_once)));
  CHECK_FALSE(may_be_dropped(join(1)));
  PeerPublish retained;
  retained.message.retain = true;
  CHECK_FALSE(may_be_dropped(PeerMessage{retained}));
}

TEST_CASE("batches of several senders are handled in the order of their pushes", "[mailbox]") {
  Mailboxes mailboxes(3);
  const auto push = [&](PeerId from, auto... said) {
    std::vector<PeerMessage> messages = list_of(std::move(said)...);
    CHECK_FALSE(mailboxes.push(from, zero, messages).full);
    CHECK(messages.empty());
  };
  CHECK(mailboxes.empty(zero));
  push(two, join(1));
  push(one, publish(2, mqtt::Qos::at_most_once), join(3));
  push(two, publish(4, mqtt::Qos::at_least_once));
  push(one, join(5));
  CHECK_FALSE(mailboxes.empty(zero));
  CHECK(drain(mailboxes, zero) ==
        std::vector<Received>{
            {two, true, 1}, {one, false, 2}, {one, true, 3}, {two, false, 4}, {one, true, 5}});
  CHECK(drain(mailboxes, zero).empty());
  CHECK(mailboxes.empty(zero));
}

TEST_CASE("a full mailbox stops its sender and drops nothing but QoS 0", "[mailbox]") {
  Mailboxes mailboxes(2, {.full_messages = 2, .full_bytes = 1000, .drop_messages = 3});
  const auto push = [&](PeerMessage message) {
    std::vector<PeerMessage> messages;
    messages.push_back(std::move(message));
    return mailboxes.push(one, zero, messages);
  };
  CHECK_FALSE(push(publish(1, mqtt::Qos::at_most_once)).full);
  CHECK(push(publish(2, mqtt::Qos::at_most_once)).full);
  CHECK(push(publish(3, mqtt::Qos::at_least_once)).full);
  CHECK(push(publish(4, mqtt::Qos::at_most_once)).dropped == 1);
  CHECK(push(publish(5, mqtt::Qos::at_least_once)).dropped == 0);
  CHECK(mailboxes.dropped() == 1);
  std::vector<std::uint64_t> numbers;
  const PeerSet wake = mailboxes.drain(zero, [&](PeerId, const PeerMessage& message) {
    numbers.push_back(std::get<PeerPublish>(message).stamp.count);
  });
  CHECK(wake == PeerSet(one));
  CHECK(numbers == std::vector<std::uint64_t>{1, 2, 3, 5});
  CHECK_FALSE(push(publish(6, mqtt::Qos::at_most_once)).full);
  CHECK(mailboxes.drain(zero, [](PeerId, const PeerMessage&) {}).empty());
}

TEST_CASE("large payloads fill a mailbox before many messages do", "[mailbox]") {
  Mailboxes mailboxes(2, {.full_messages = 100, .full_bytes = 1000});
  std::vector<PeerMessage> messages = list_of(publish(1, mqtt::Qos::at_least_once, 1000));
  CHECK(mailboxes.push(one, zero, messages).full);
}

TEST_CASE("an empty mailbox takes any single message", "[mailbox]") {
  Mailboxes mailboxes(2, {.full_bytes = 1000, .drop_bytes = 4000});
  const auto push = [&](std::uint64_t number, std::uint32_t payload_size) {
    std::vector<PeerMessage> messages =
        list_of(publish(number, mqtt::Qos::at_most_once, payload_size));
    return mailboxes.push(one, zero, messages);
  };
  const Mailboxes::Pushed pushed = push(1, 1'000'000);
  CHECK(pushed.dropped == 0);
  CHECK(pushed.full);
  CHECK(push(2, 1'000'000).dropped == 1);
  CHECK(push(3, 8).dropped == 1);
  CHECK(drain(mailboxes, zero) == std::vector<Received>{{one, false, 1}});
  CHECK(push(4, 1'000'000).dropped == 0);
}

TEST_CASE("a bell is rung once, and only for a shard that sleeps", "[mailbox]") {
  Mailboxes mailboxes(3);
  const auto push = [&](PeerId from) {
    std::vector<PeerMessage> messages = list_of(join(1));
    return mailboxes.push(from, zero, messages).wake;
  };
  CHECK_FALSE(push(one));
  CHECK_FALSE(mailboxes.may_sleep(zero));
  static_cast<void>(drain(mailboxes, zero));
  CHECK(mailboxes.may_sleep(zero));
  CHECK(push(one));
  CHECK_FALSE(push(two));
  static_cast<void>(drain(mailboxes, zero));
  CHECK(mailboxes.may_sleep(zero));
  mailboxes.awake(zero);
  CHECK_FALSE(push(one));
}

TEST_CASE("what senders on other threads push arrives once, in order, and wakes", "[mailbox]") {
  constexpr std::uint64_t messages = 100'000;
  Mailboxes mailboxes(3, {.full_messages = 64});
  std::atomic<std::uint64_t> room{~std::uint64_t{0}};
  std::atomic<std::uint32_t> bell{0};
  const auto sender = [&](PeerId from) {
    const std::uint64_t bit = std::uint64_t{1} << static_cast<std::uint32_t>(from);
    std::vector<PeerMessage> batch;
    for (std::uint64_t number = 1; number <= messages; ++number) {
      batch.push_back(publish(number, mqtt::Qos::at_least_once));
      if (number % 1000 == 0) batch.push_back(join(number));
      if (number % 17 != 0 && number != messages) continue;
      room.fetch_and(~bit);
      const Mailboxes::Pushed pushed = mailboxes.push(from, zero, batch);
      if (pushed.wake) {
        bell.fetch_add(1);
        bell.notify_one();
      }
      while (pushed.full && (room.load() & bit) == 0) std::this_thread::yield();
    }
  };
  std::thread first(sender, one);
  std::thread second(sender, two);
  std::uint64_t seen[3] = {0, 0, 0};
  std::uint64_t joined[3] = {0, 0, 0};
  bool ordered = true;
  while (seen[1] < messages || seen[2] < messages) {
    const std::uint32_t rung = bell.load();
    if (mailboxes.may_sleep(zero)) {
      bell.wait(rung);
      mailboxes.awake(zero);
    }
    room.fetch_or(mailboxes
                      .drain(zero,
                             [&](PeerId from, const PeerMessage& message) {
                               const Received what = received(from, message);
                               const auto index = static_cast<std::uint32_t>(from);
                               if (what.control) {
                                 ordered = ordered && what.number == joined[index] + 1000 &&
                                           what.number == seen[index];
                                 joined[index] = what.number;
                               } else {
                                 ordered = ordered && what.number == ++seen[index];
                               }
                             })
                      .bits());
  }
  first.join();
  second.join();
  CHECK(ordered);
  CHECK(joined[1] == messages);
  CHECK(joined[2] == messages);
}

TEST_CASE("the receiver learns when the earliest input came that is measured", "[mailbox]") {
  Mailboxes mailboxes(3);
  const auto push = [&](PeerId from, std::int64_t begun_microseconds) {
    std::vector<PeerMessage> messages;
    messages.push_back(join(1));
    static_cast<void>(mailboxes.push(from, zero, messages, begun_microseconds));
  };
  push(one, 0);
  CHECK(drain(mailboxes, zero).size() == 1);
  CHECK(mailboxes.take_begun(zero) == 0);
  push(one, 700);
  push(two, 500);
  push(two, 900);
  CHECK(mailboxes.take_begun(zero) == 0);  // none of them is taken yet
  CHECK(drain(mailboxes, zero).size() == 3);
  CHECK(mailboxes.take_begun(zero) == 500);
  CHECK(mailboxes.take_begun(zero) == 0);
}

TEST_CASE("what a shard was caused to say is handled after its cause", "[mailbox]") {
  // Shard 1 joins, then tells shard 2 (as a client would), which publishes and tells shard 1, which
  // joins again: shard 0 must see them by turns.
  constexpr std::uint64_t rounds = 20'000;
  Mailboxes mailboxes(3);
  std::atomic<std::uint64_t> said{0};
  const auto say = [&](PeerId from, std::uint64_t first, auto&& make) {
    for (std::uint64_t number = first; number <= rounds; number += 2) {
      while (said.load() != number - 1) std::this_thread::yield();
      std::vector<PeerMessage> messages = list_of(make(number));
      static_cast<void>(mailboxes.push(from, zero, messages));
      said.store(number);
    }
  };
  std::thread joiner([&] { say(one, 1, [](std::uint64_t number) { return join(number); }); });
  std::thread publisher([&] {
    say(two, 2, [](std::uint64_t number) { return publish(number, mqtt::Qos::at_least_once); });
  });
  std::uint64_t seen = 0;
  bool causal = true;
  while (seen < rounds) {
    static_cast<void>(mailboxes.drain(zero, [&](PeerId from, const PeerMessage& message) {
      causal = causal && received(from, message).number == seen + 1;
      ++seen;
    }));
  }
  joiner.join();
  publisher.join();
  CHECK(causal);
}

}  // namespace broker
