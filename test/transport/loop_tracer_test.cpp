#include "transport/loop_tracer.h"

#include <algorithm>
#include <atomic>
#include <catch2/catch.hpp>
#include <cstddef>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "test/transport/fixture.h"
#include "transport/loop.h"

namespace transport {
namespace {

TraceFilter client_filter(std::string pattern) {
  TraceFilter filter;
  filter.client = std::move(pattern);
  return filter;
}

/// A trace of a broker, and all that was read of it.
class Followed {
 public:
  Followed(TestBroker& broker, TraceFilter filter) : broker_(broker) {
    auto begun = broker.loops().traces().begin(std::move(filter), Loops::now());
    REQUIRE(begun);
    trace_ = *begun;
  }
  ~Followed() { broker_.loops().traces().end(trace_->number()); }

  /// Waits for a record of a client with that text.
  [[nodiscard]] bool says(TraceKind kind, std::string_view client_id, std::string_view text) {
    return eventually([&] {
      for (TraceRecord& each : trace_->read(last_, 100, Loops::now()).records) {
        last_ = each.number;
        records_.push_back(std::move(each));
      }
      return count(kind, client_id, text) > 0;
    });
  }
  [[nodiscard]] std::size_t count(TraceKind kind, std::string_view client_id,
                                  std::string_view text) const {
    return static_cast<std::size_t>(std::ranges::count_if(records_, [&](const TraceRecord& each) {
      return each.kind == kind && each.client_id == client_id &&
             each.text.find(text) != std::string::npos;
    }));
  }

 private:
  TestBroker& broker_;
  std::shared_ptr<Trace> trace_;
  std::vector<TraceRecord> records_;
  std::uint64_t last_ = 0;
};

}  // namespace

TEST_CASE("a trace follows its clients on all loops, each packet once, also if they move",
          "[tracer]") {
  TestBroker broker(with_loops(GENERATE(1U, 4U)));
  Followed trace(broker, client_filter("mover*"));
  const bool slowly = GENERATE(false, true);
  for (int number = 0; number < 8; ++number) {
    const std::string id = "mover" + std::to_string(number);
    const std::string all = connect(id) + subscribe("own/" + id) + publish("own/" + id, "x");
    Client client(broker.port());
    if (slowly) {
      client.send_slowly(all);
    } else {
      client.send(all);
    }
    const std::string expected = connack + suback() + publish("own/" + id, "x");
    CHECK(client.receive(expected.size()) == expected);
    Client other(broker.port());
    other.send(connect("other" + std::to_string(number)));
    CHECK(other.receive(4) == connack);
    CHECK(trace.says(TraceKind::out, id, "PUBLISH 'own/" + id));
    CHECK(trace.count(TraceKind::in, id, "CONNECT MQTT 3.1.1") == 1);
    CHECK(trace.count(TraceKind::out, id, "CONNACK") == 1);
    CHECK(trace.count(TraceKind::in, id, "SUBSCRIBE id") == 1);
    CHECK(trace.count(TraceKind::in, id, "PUBLISH 'own/" + id) == 1);
    CHECK(trace.count(TraceKind::in, "other" + std::to_string(number), "") == 0);
  }
}

TEST_CASE("a trace that begins in the middle of a packet has it whole", "[tracer]") {
  TestBroker broker;
  Client client(broker.port());
  client.send(connect("old"));
  CHECK(client.receive(4) == connack);
  const std::string message = publish("topic", "payload", 7);
  client.send("\xC0" + std::string(1, '\0') + message.substr(0, 5));
  CHECK(client.receive(2) == "\xD0" + std::string(1, '\0'));
  Followed trace(broker, client_filter("old"));
  client.send(message.substr(5));
  CHECK(trace.says(TraceKind::in, "old", "PUBLISH 'topic', QoS 1, id 7, 7 bytes of payload"));
  CHECK(trace.says(TraceKind::out, "old", "PUBACK id 7"));
}

TEST_CASE("a client on a WebSocket is followed as any other", "[tracer]") {
  TestBroker broker;
  TraceFilter filter;
  filter.address.emplace();
  REQUIRE(filter.address->add("127.0.0.1"));
  Followed trace(broker, filter);
  Client client(broker.websocket_port());
  client.send(upgrade_request());
  CHECK(client.receive(upgraded.size()) == upgraded);
  client.send(client_frame(0x82, connect("web")));
  CHECK(trace.says(TraceKind::out, "web", "CONNACK"));
  CHECK(trace.count(TraceKind::connection, "", "WebSocket opened") == 1);
}

TEST_CASE("the loops end a trace that nobody reads, though nobody asks for any", "[tracer]") {
  TestBroker broker(with_loops(2));
  const broker::Instant long_ago =
      broker::after_milliseconds(Loops::now(), -2 * Trace::idle_milliseconds);
  REQUIRE(broker.loops().traces().begin(client_filter("unread"), long_ago));
  for (const std::uint32_t index : {0U, 1U}) {
    CHECK(eventually([&] {
      std::promise<bool> is_on;
      broker.loops().post_loop(broker::ShardIndex{index}, [&](Loop& loop) {
        is_on.set_value(loop.connections().tracer().on());
      });
      return !is_on.get_future().get();
    }));
  }
  // Others that are read go on.
  Followed read(broker, client_filter("read"));
  REQUIRE(broker.loops().traces().begin(client_filter("unread"), long_ago));
  Client client(broker.port());
  client.send(connect("read"));
  CHECK(read.says(TraceKind::out, "read", "CONNACK"));
}

// For the thread sanitizer, too. Assertions are for one thread: the other one only counts.
TEST_CASE("traces begin and end while clients of all loops are served", "[tracer]") {
  TestBroker broker(with_loops(4));
  std::atomic<bool> over{false};
  std::atomic<std::size_t> read{0};
  std::thread tracing([&broker, &over, &read] {
    Traces& traces = broker.loops().traces();
    TraceFilter topic;
    topic.topic = "all";
    while (!over) {
      const auto clients = traces.begin(client_filter("c*"), Loops::now());
      const auto topics = traces.begin(topic, Loops::now());
      if (!clients || !topics) continue;
      read += (*clients)->read(0, 100, Loops::now()).records.size();
      read += (*topics)->read(0, 100, Loops::now()).records.size();
      traces.end((*topics)->number());
      read += (*clients)->read(100, 100, Loops::now()).records.size();
      traces.end((*clients)->number());
    }
  });
  bool served = true;
  for (int round = 0; served && round < (read == 0 ? 2000 : 50); ++round) {
    for (int number = 0; number < 4; ++number) {
      const std::string id = "c" + std::to_string(number) + "-" + std::to_string(round);
      Client client(broker.port());
      client.send(connect(id) + subscribe("own/" + id) + publish("all", id));
      const std::string expected = connack + suback();
      served = served && client.receive(expected.size()) == expected;
    }
  }
  over = true;
  tracing.join();
  CHECK(served);
  CHECK(read > 0);
  CHECK(broker.loops().traces().all(Loops::now()).empty());
}

}  // namespace transport
