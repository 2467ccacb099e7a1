#include "transport/trace.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "transport/traces.h"

namespace transport {
namespace {

constexpr broker::Instant start{1'000'000};

TraceFilter of_client(std::string pattern) {
  TraceFilter filter;
  filter.client = std::move(pattern);
  return filter;
}

TraceRecord record(std::string text) {
  TraceRecord made;
  made.text = std::move(text);
  return made;
}

PeerAddress address(std::string_view text) { return *PeerAddress::parse(text, 4711); }

}  // namespace

TEST_CASE("a pattern has * for any text and ? for a byte", "[trace]") {
  CHECK(fits_pattern("sensor-7", "sensor-7"));
  CHECK_FALSE(fits_pattern("sensor-7", "sensor-70"));
  CHECK(fits_pattern("*", ""));
  CHECK(fits_pattern("s*-?", "sensor-7"));
  CHECK_FALSE(fits_pattern("s*-?", "sensor-"));
  CHECK(fits_pattern("*a*b*", "xxaxxbxx"));
  CHECK_FALSE(fits_pattern("*a*b", "xxbxxa"));
  CHECK_FALSE(fits_pattern("", "x"));
  CHECK_FALSE(fits_pattern(std::string(50, '*') + "b", std::string(60'000, 'a')));
}

TEST_CASE("a trace follows its client, its addresses or its topics, and nothing else", "[trace]") {
  const Trace client(1, of_client("s-*"), start);
  CHECK(client.follows_client("s-1"));
  CHECK_FALSE(client.follows_client("t-1"));
  CHECK_FALSE(client.follows_topic("s-1"));
  CHECK_FALSE(client.follows_address(address("192.0.2.1")));

  TraceFilter filter;
  filter.address.emplace();
  REQUIRE(filter.address->add("192.0.2.0/24"));
  const Trace network(2, filter, start);
  CHECK(network.follows_address(address("192.0.2.99")));
  CHECK_FALSE(network.follows_address(address("192.0.3.1")));
  CHECK_FALSE(network.follows_client(""));

  TraceFilter topic;
  topic.topic = "a/+";
  const Trace topics(3, topic, start);
  CHECK(topics.follows_topic("a/b"));
  CHECK_FALSE(topics.follows_topic("a/b/c"));
}

TEST_CASE("records are read in order, and forgotten once their number was named", "[trace]") {
  Trace trace(1, of_client("*"), start);
  for (const char* const text : {"a", "b", "c"}) trace.add(record(text));
  Trace::Page page = trace.read(0, 2, start);
  REQUIRE(page.records.size() == 2);
  CHECK(page.records[0].number == 1);
  CHECK(page.records[1].text == "b");
  // An answer that was lost on its way is given again.
  CHECK(trace.read(0, 2, start).records.size() == 2);
  page = trace.read(2, 10, start);
  REQUIRE(page.records.size() == 1);
  CHECK(page.records[0].number == 3);
  CHECK(trace.read(3, 10, start).records.empty());
}

TEST_CASE("a full trace keeps what it has, and counts what it loses", "[trace]") {
  Trace trace(1, of_client("*"), start);
  for (std::size_t i = 0; i < Trace::records_max; ++i) {
    CHECK(trace.has_room());
    trace.add(record("kept"));
  }
  CHECK_FALSE(trace.has_room());
  trace.add(record("too much"));
  trace.lose();
  CHECK(trace.read(0, 1, start).lost == 2);
  CHECK(trace.read(10, 1, start).records.front().number == 11);
  CHECK(trace.has_room());
  trace.add(record("again"));
  CHECK(trace.read(Trace::records_max, 5, start).records.front().text == "again");
}

TEST_CASE("a trace that nobody reads is over", "[trace]") {
  Trace trace(1, of_client("*"), start);
  const broker::Instant late = broker::after_milliseconds(start, Trace::idle_milliseconds);
  CHECK_FALSE(trace.is_over(late));
  CHECK(trace.is_over(broker::after_milliseconds(late, 1)));
  static_cast<void>(trace.read(0, 1, late));
  CHECK_FALSE(trace.is_over(broker::after_milliseconds(late, Trace::idle_milliseconds)));
}

TEST_CASE("several threads write one trace, and no record is lost or doubled", "[trace]") {
  Trace trace(1, of_client("*"), start);
  constexpr std::size_t threads = 4;
  constexpr std::size_t each = Trace::records_max / threads;
  std::vector<std::thread> writers;
  for (std::size_t i = 0; i < threads; ++i) {
    writers.emplace_back([&trace] {
      for (std::size_t n = 0; n < each; ++n) {
        if (trace.has_room()) trace.add(record("x"));
      }
    });
  }
  std::uint64_t last = 0;
  while (last < threads * each) {
    for (const TraceRecord& found : trace.read(last, 100, start).records) {
      CHECK(found.number == last + 1);
      last = found.number;
    }
  }
  for (std::thread& writer : writers) writer.join();
  CHECK(trace.read(last, 1, start).lost == 0);
}

TEST_CASE("a place among the traces is taken again only after all loops have let go of it",
          "[trace]") {
  std::vector<std::shared_ptr<const TraceList>> in_force;
  Traces traces([&](const std::shared_ptr<const TraceList>& list) { in_force.push_back(list); });
  std::vector<std::uint64_t> numbers;
  for (std::size_t i = 0; i < TraceList::traces_max; ++i) {
    const auto trace = traces.begin(of_client("c" + std::to_string(i)), start);
    REQUIRE(trace);
    numbers.push_back((*trace)->number());
  }
  CHECK(traces.begin(of_client("one more"), start).error().find("8 traces") != std::string::npos);
  CHECK(in_force.back()->of_client("c3") == TraceSet{1U << 3U});
  CHECK(in_force.back()->names_clients());

  // One is read, the others are not: a new one takes the place of one that is over.
  const broker::Instant later = broker::after_milliseconds(start, Trace::idle_milliseconds);
  static_cast<void>(traces.find(numbers[0], later)->read(0, 1, later));
  const broker::Instant late = broker::after_milliseconds(later, 1);
  const std::size_t lists = in_force.size();
  const auto fresh = traces.begin(of_client("new"), late);
  REQUIRE(fresh);
  REQUIRE(in_force.size() == lists + 2);
  CHECK(in_force[lists]->of_client("c1") == 0);
  CHECK(in_force[lists]->of_client("new") == 0);
  CHECK(in_force[lists + 1]->of_client("new") == TraceSet{1U << 1U});
  CHECK(traces.find(numbers[1], late) == nullptr);
  CHECK(traces.all(late).size() == 2);
  CHECK(traces.end(numbers[0]));
  CHECK_FALSE(traces.end(numbers[0]));
  CHECK(traces.end((*fresh)->number()));
  CHECK(in_force.back()->empty());
}

}  // namespace transport
