#include <catch2/catch.hpp>
#include <cstddef>
#include <functional>
#include <malloc.h>
#include <memory>
#include <string>

#include "test/broker/fixture.h"

// State that comes and goes in large numbers leaves nothing behind, on one shard and on several.

namespace {

using test::Broker;
using test::MemoryStore;

/// Bytes that the process has allocated now; 0 under a sanitizer, whose heap is another.
std::size_t heap_bytes() {
  const auto figures = mallinfo2();
  return figures.uordblks + figures.hblkhd;
}

constexpr int names = 400;

/// Runs `round(broker, number)` some times, and looks at the heap when what it left is due.
void check_flat(Broker& broker, const std::function<void(int)>& round, std::size_t tolerated) {
  std::size_t before = 0;
  for (int number = 0; number < 4; ++number) {
    round(number);
    broker.pass_milliseconds(75'000);
    broker.log.lines = {};
    if (number == 1) before = heap_bytes();
  }
  CHECK(heap_bytes() <= before + tolerated);
}

/// So long that the router does not keep its route: what it keeps fills up first, and then is
/// bounded.
std::string name_of(int round, int number) {
  return std::string(600, 'n') + "/" + std::to_string(round) + "/" + std::to_string(number);
}

}  // namespace

TEST_CASE("retained topics that come and go leave nothing", "[churn]") {
  Broker broker(GENERATE(1U, 4U));
  const bool expire = GENERATE(false, true);
  const auto client = broker.client("c");
  const auto round = [&](int number) {
    for (int i = 0; i < names; ++i) {
      test::PublishOptions options{.retain = true};
      if (expire) options.expiry_seconds = 1;
      broker.publish(client, name_of(number, i), "x", options);
      if (!expire) broker.publish(client, name_of(number, i), "", {.retain = true});
    }
  };
  check_flat(broker, round, 50'000);
  CHECK(broker.metrics().retained_messages == 0);
}

TEST_CASE("retained messages go when they expire, however many", "[churn]") {
  Broker broker(GENERATE(1U, 2U));
  const auto client = broker.client("c");
  for (int i = 0; i < 10'000; ++i) {
    broker.publish(client, "t/" + std::to_string(i), "x", {.retain = true, .expiry_seconds = 1});
  }
  CHECK(broker.metrics().retained_messages == 10'000);
  broker.pass_milliseconds(2500);
  CHECK(broker.metrics().retained_messages == 0);
}

TEST_CASE("filters and groups that come and go leave nothing", "[churn]") {
  Broker broker(GENERATE(1U, 4U));
  const std::string share = GENERATE("", "$share/group/");
  const auto round = [&](int number) {
    const auto client = broker.client("c");
    for (int i = 0; i < names; ++i) {
      broker.subscribe(client, share + name_of(number, i));
      broker.publish(client, name_of(number, i), "x");
      if (i % 2 == 0) broker.unsubscribe(client, share + name_of(number, i));
    }
    broker.received(client);
    broker.lose(client);
  };
  check_flat(broker, round, 50'000);
  CHECK(broker.metrics().subscriptions == 0);
}

TEST_CASE("clients and wills that come and go leave nothing", "[churn]") {
  MemoryStore store;
  const bool stored = GENERATE(false, true);
  const auto shards = GENERATE(1U, 4U);
  const auto made =
      stored ? std::make_unique<Broker>(shards, store) : std::make_unique<Broker>(shards);
  constexpr int clients = 200;
  const auto round = [&](int number) {
    for (int i = 0; i < clients; ++i) {
      test::ConnectOptions options;
      options.session_expiry_seconds = 5;
      options.will_topic = name_of(number, i);
      options.will_delay_seconds = 1;
      options.will_expiry_seconds = 1;
      options.will_retain = true;
      const auto client = made->client(name_of(number, i), options);
      made->subscribe(client, name_of(number, i), {.qos = 1});
      made->received(client);
      made->lose(client);
    }
  };
  // The scene remembers every connection there ever was.
  check_flat(*made, round, std::size_t{2} * clients * 800 + 50'000);
  CHECK(made->metrics().sessions == 0);
  CHECK(made->metrics().retained_messages == 0);
  if (stored) {
    CHECK(store.sessions() == 0);
    CHECK(store.messages() == 0);
    CHECK(store.faults().empty());
  }
}

TEST_CASE("sessions that are due at one time end in several turns", "[churn]") {
  Broker broker;
  test::ConnectOptions options;
  options.session_expiry_seconds = 5;
  for (int i = 0; i < 1500; ++i) broker.lose(broker.client("c" + std::to_string(i), options));
  CHECK(broker.metrics().sessions == 1500);
  broker.now = broker::after_seconds(broker.now, 10);
  CHECK(broker.shard(0).tick(broker.now));
  CHECK(broker.metrics().sessions == 500);
  CHECK_FALSE(broker.shard(0).tick(broker.now));
  CHECK(broker.metrics().sessions == 0);
}

TEST_CASE("topics that are published once leave nothing, however long they are", "[churn]") {
  Broker broker(GENERATE(1U, 4U));
  const auto client = broker.client("c");
  const auto round = [&](int number) {
    for (int i = 0; i < names; ++i) {
      broker.publish(client, name_of(number, i) + std::string(20'000, 'x'), "x");
    }
  };
  const std::size_t before = heap_bytes();
  round(0);
  CHECK(heap_bytes() < before + 1'000'000);
}
