#include "broker/reading.h"

#include <catch2/catch.hpp>
#include <memory>

#include "test/broker/parts.h"

namespace {

using broker::Connection;
using broker::Instant;
using broker::PublishRatePolicy;
using broker::Reading;
using broker::Refusal;

constexpr std::size_t megabyte = std::size_t{1} << 20U;

std::unique_ptr<broker::PacketWork> some_work() {
  return std::make_unique<broker::PacketWork>(mqtt::PacketType::subscribe, mqtt::SubscribeHead{});
}

/// One client with a keep alive of 10 seconds.
struct Scene {
  explicit Scene(const broker::PublishRate& rate = {}) {
    parts.options.listeners[0].publish_rate = rate;
    connection.keep_alive_seconds = 10;
    connection.last_received = now;
    reading.tick(now);
  }

  [[nodiscard]] bool late() { return reading.late(connection, now); }
  /// Time goes on, with ticks as often as there have to be.
  void pass(std::int64_t seconds) {
    const Instant end = broker::after_seconds(now, seconds);
    for (; now < end; now = broker::after_milliseconds(now, 100)) reading.tick(now);
    reading.tick(now);
  }
  std::size_t resumed() { return parts.outbox.take_resumes().size(); }

  test::Parts parts{broker::Durability::none};
  test::ConnectedClient client{parts, 1, mqtt::Version::v5_0};
  Connection& connection = client.connection;
  Reading& reading = parts.reading;
  Instant now{1'000'000};
};

}  // namespace

TEST_CASE("a client is late after one and a half times its keep alive [MQTT-3.1.2-22]",
          "[reading]") {
  Scene scene;
  scene.pass(14);
  CHECK_FALSE(scene.late());
  CHECK(scene.connection.timer.armed());
  CHECK(scene.connection.timer.deadline() == broker::after_seconds(scene.now, 1));
  scene.pass(1);
  CHECK(scene.late());
}

TEST_CASE("while reading is paused, keep-alive time does not count", "[reading]") {
  Scene scene;
  SECTION("for one connection") { scene.connection.reading_paused = true; }
  SECTION("for all") { scene.reading.set_loop_reads(false, scene.now); }
  scene.pass(100);
  CHECK_FALSE(scene.late());
}

TEST_CASE("keep-alive time counts from when the loop reads again", "[reading]") {
  Scene scene;
  SECTION("after it had no room") {
    scene.reading.set_loop_reads(false, scene.now);
    scene.pass(100);
    scene.reading.set_loop_reads(true, scene.now);
  }
  SECTION("after it was held up") {
    scene.now = broker::after_seconds(scene.now, 100);
    scene.reading.tick(scene.now);
  }
  CHECK_FALSE(scene.late());
  scene.pass(14);
  CHECK_FALSE(scene.late());
  scene.pass(1);
  CHECK(scene.late());
}

TEST_CASE("a client that does not read its answers is not read", "[reading]") {
  Scene scene;
  scene.connection.unread_reply_bytes = megabyte + 1;
  CHECK(scene.reading.may_read(scene.connection));  // the socket takes them
  scene.connection.queued_bytes = 1;
  CHECK_FALSE(scene.reading.may_read(scene.connection));
  scene.connection.unread_reply_bytes = megabyte;
  CHECK(scene.reading.may_read(scene.connection));
}

TEST_CASE("a client is not read while a packet of it takes several turns", "[reading]") {
  Scene scene;
  scene.connection.work = some_work();
  CHECK(Reading::input_waits(scene.connection));
  CHECK_FALSE(scene.reading.may_read(scene.connection));
}

TEST_CASE("reading resumes once, when it may", "[reading]") {
  Scene scene;
  scene.reading.resume(scene.connection, scene.now);
  CHECK(scene.resumed() == 0);  // it is not paused
  scene.connection.reading_paused = true;
  scene.connection.work = some_work();
  scene.reading.resume(scene.connection, scene.now);
  CHECK(scene.resumed() == 0);
  scene.connection.work.reset();
  scene.pass(5);
  scene.reading.resume(scene.connection, scene.now);
  scene.reading.resume(scene.connection, scene.now);
  CHECK(scene.resumed() == 1);
  CHECK_FALSE(scene.connection.reading_paused);
  CHECK(scene.connection.last_received == scene.now);
}

TEST_CASE("a client that publishes too fast is delayed until there is room", "[reading]") {
  Scene scene({.messages_per_second = 10});
  for (int i = 0; i < 10; ++i) {
    CHECK(scene.reading.meter(scene.connection, 100, scene.now) == std::nullopt);
  }
  REQUIRE(scene.reading.delay(scene.connection, scene.now));
  CHECK(Reading::is_delayed(scene.connection));
  CHECK_FALSE(scene.reading.may_read(scene.connection));
  const broker::Timer& timer = scene.connection.publishing->timer;
  CHECK(timer.kind() == broker::publish_timer);
  CHECK(timer.deadline() > scene.now);
  scene.now = timer.deadline();
  scene.reading.end_delay(scene.connection, scene.now);
  CHECK(scene.reading.may_read(scene.connection));
  CHECK(scene.connection.last_received == scene.now);
  CHECK_FALSE(scene.reading.delay(scene.connection, scene.now));
}

TEST_CASE("the rate of bytes delays too", "[reading]") {
  Scene scene({.bytes_per_second = 1000});
  CHECK(scene.reading.meter(scene.connection, 999, scene.now) == std::nullopt);
  CHECK_FALSE(scene.reading.delay(scene.connection, scene.now));
  CHECK(scene.reading.meter(scene.connection, 999, scene.now) == std::nullopt);
  CHECK(scene.reading.delay(scene.connection, scene.now));
}

TEST_CASE("a rate that disconnects delays nobody", "[reading]") {
  const auto [rate, refusal] = GENERATE(table<broker::PublishRate, Refusal>({
      {{.messages_per_second = 1, .policy = PublishRatePolicy::disconnect}, Refusal::publish_rate},
      {{.bytes_per_second = 100, .policy = PublishRatePolicy::disconnect},
       Refusal::publish_bytes_rate},
  }));
  Scene scene(rate);
  CHECK(scene.reading.meter(scene.connection, 100, scene.now) == std::nullopt);
  CHECK_FALSE(scene.reading.delay(scene.connection, scene.now));
  CHECK(scene.reading.meter(scene.connection, 100, scene.now) == refusal);
}
