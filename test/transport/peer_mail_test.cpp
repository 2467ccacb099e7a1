#include "transport/peer_mail.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <uv.h>
#include <variant>
#include <vector>

namespace {

using broker::PeerId;
using transport::LoopDoor;
using transport::PeerMail;

constexpr PeerId first{0};
constexpr PeerId second{1};

broker::PeerMessage message(std::uint64_t number, mqtt::Qos qos = mqtt::Qos::at_least_once) {
  broker::PeerPublish publish;
  publish.message.qos = qos;
  publish.stamp.count = number;
  return publish;
}

/// The doors of some loops, all in one loop of libuv, which counts their bells.
class Doors {
 public:
  explicit Doors(std::size_t count) : doors_(count), rings(count) {
    REQUIRE(uv_loop_init(&loop_) == 0);
    for (std::size_t i = 0; i < count; ++i) {
      REQUIRE(doors_[i].open(&loop_, &rings[i],
                             [](uv_async_t* bell) { ++*static_cast<int*>(bell->data); }) == 0);
    }
  }
  ~Doors() {
    for (LoopDoor& door : doors_) door.close();
    uv_run(&loop_, UV_RUN_DEFAULT);
    CHECK(uv_loop_close(&loop_) == 0);
  }
  Doors(const Doors&) = delete;
  Doors& operator=(const Doors&) = delete;
  [[nodiscard]] std::span<LoopDoor> all() { return doors_; }
  void look() { uv_run(&loop_, UV_RUN_NOWAIT); }

 private:
  uv_loop_t loop_{};
  std::vector<LoopDoor> doors_;

 public:
  std::vector<int> rings;
};

/// Two loops; a mailbox between them is full from its second message on.
struct Two {
  Doors doors{2};
  broker::Mailboxes mailboxes{2, {.full_messages = 2, .drop_messages = 3}};
  broker::PeerOutbox outbox{2};
  PeerMail one{mailboxes, doors.all(), first};
  PeerMail other{mailboxes, doors.all(), second};

  std::size_t send(std::uint64_t number, mqtt::Qos qos = mqtt::Qos::at_least_once) {
    outbox.send(second, message(number, qos));
    return one.send(outbox, 0);
  }
  std::vector<std::uint64_t> receive() {
    std::vector<std::uint64_t> numbers;
    other.receive([&](PeerId from, const broker::PeerMessage& each) {
      CHECK(from == first);
      numbers.push_back(std::get<broker::PeerPublish>(each).stamp.count);
    });
    return numbers;
  }
};

TEST_CASE("mail of a turn that is measured says when that began", "[peer_mail]") {
  Two two;
  CHECK(two.other.take_begun() == 0);
  two.outbox.send(second, message(1, mqtt::Qos::at_least_once));
  static_cast<void>(two.one.send(two.outbox, 40));
  CHECK(two.receive() == std::vector<std::uint64_t>{1});
  CHECK(two.other.take_begun() == 40);
  CHECK(two.other.take_begun() == 0);
  CHECK(two.one.take_begun() == 0);
}

TEST_CASE("messages of a shard arrive at the loop of their receiver", "[peer_mail]") {
  Two loops;
  CHECK_FALSE(loops.other.waits());
  CHECK(loops.send(7) == 0);
  CHECK(loops.outbox.empty());
  CHECK(loops.other.waits());
  CHECK_FALSE(loops.one.waits());
  CHECK(loops.receive() == std::vector<std::uint64_t>{7});
  CHECK_FALSE(loops.other.waits());
}

TEST_CASE("a loop that sleeps is woken by mail, one that is awake is not", "[peer_mail]") {
  Two loops;
  static_cast<void>(loops.send(1));
  loops.doors.look();
  CHECK(loops.doors.rings == std::vector<int>{0, 0});
  CHECK_FALSE(loops.other.may_sleep());  // there is mail
  static_cast<void>(loops.receive());
  CHECK(loops.other.may_sleep());
  static_cast<void>(loops.send(2));
  loops.doors.look();
  CHECK(loops.doors.rings == std::vector<int>{0, 1});
  loops.other.awake();
  static_cast<void>(loops.send(3));
  loops.doors.look();
  CHECK(loops.doors.rings == std::vector<int>{0, 1});
}

TEST_CASE("a sender hears of a full mailbox, and of room when the receiver has made some",
          "[peer_mail]") {
  Two loops;
  static_cast<void>(loops.send(1));
  CHECK_FALSE(loops.one.has_full_peer());
  static_cast<void>(loops.send(2));
  CHECK(loops.one.has_full_peer());
  CHECK_FALSE(loops.other.has_full_peer());
  CHECK(loops.receive() == std::vector<std::uint64_t>{1, 2});
  loops.doors.look();
  CHECK(loops.doors.rings == std::vector<int>{1, 0});  // the receiver rings
  CHECK(loops.one.has_full_peer());                    // until it has looked
  loops.one.awake();
  CHECK_FALSE(loops.one.has_full_peer());
}

TEST_CASE("publishes with QoS 0 that no mailbox takes are counted", "[peer_mail]") {
  Two loops;
  for (std::uint64_t number = 1; number <= 3; ++number) CHECK(loops.send(number) == 0);
  CHECK(loops.send(4, mqtt::Qos::at_most_once) == 1);
  CHECK(loops.send(5) == 0);  // QoS 1 is always taken
  CHECK(loops.receive() == std::vector<std::uint64_t>{1, 2, 3, 5});
}

TEST_CASE("a loop that is alone has no mail, and may sleep at any time", "[peer_mail]") {
  Doors doors(1);
  broker::Mailboxes mailboxes(1);
  PeerMail mail(mailboxes, doors.all(), first);
  CHECK(mail.alone());
  CHECK_FALSE(mail.waits());
  CHECK(mail.may_sleep());
  mail.awake();
  CHECK_FALSE(mail.has_full_peer());
}

}  // namespace
