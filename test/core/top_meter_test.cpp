#include "broker/core/top_meter.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string_view>

namespace {

using broker::TopList;

/// A meter, and the time.
struct Metered {
  void publish(std::string_view topic, std::string_view client, std::size_t bytes) {
    if (!meter.is_due()) return;
    ++samples;
    meter.sample(topic, client, bytes);
  }
  void pass_second() {
    for (int i = 0; i < 10; ++i) {
      now.milliseconds += 100;
      meter.tick(now);
    }
  }
  [[nodiscard]] double rate(TopList list, std::string_view text) const {
    const auto entries = meter.sketch(list).entries();
    const auto found = std::ranges::find(entries, text, &broker::TopSketch::Entry::text);
    return found == entries.end() ? 0 : found->weight / meter.seconds();
  }

  broker::TopMeter meter{7};
  broker::Instant now{5'000'000};
  std::uint64_t samples = 0;
};

}  // namespace

TEST_CASE("the rates of slow traffic are exact after a second", "[top_meter]") {
  Metered metered;
  metered.pass_second();
  for (int i = 0; i < 90; ++i) {
    for (int k = 0; k < 3; ++k) metered.publish("a", "one", 100);
    metered.publish("b", "two", 1000);
    metered.pass_second();
  }
  CHECK(metered.rate(TopList::topics_by_messages, "a") == Approx(3).epsilon(0.06));
  CHECK(metered.rate(TopList::topics_by_bytes, "b") == Approx(1000).epsilon(0.06));
  CHECK(metered.rate(TopList::clients_by_messages, "one") == Approx(3).epsilon(0.06));
  CHECK(metered.rate(TopList::clients_by_bytes, "one") == Approx(300).epsilon(0.06));
}

TEST_CASE("fast traffic that is regular is sampled some hundred times a second", "[top_meter]") {
  Metered metered;
  metered.pass_second();
  for (int i = 0; i < 60; ++i) {
    metered.samples = 0;
    for (int k = 0; k < 32'000; ++k) metered.publish(k % 16 == 0 ? "rare" : "often", "c", 10);
    if (i > 0) CHECK(metered.samples < 4 * broker::TopMeter::samples_of_second);
    metered.pass_second();
  }
  CHECK(metered.samples > broker::TopMeter::samples_of_second / 2);
  CHECK(metered.rate(TopList::topics_by_messages, "rare") == Approx(2'000).epsilon(0.25));
  CHECK(metered.rate(TopList::topics_by_messages, "often") == Approx(30'000).epsilon(0.1));
}

TEST_CASE("a burst between two ticks costs few samples", "[top_meter]") {
  Metered metered;
  for (int i = 0; i < 5; ++i) metered.pass_second();
  for (int i = 0; i < 1'000'000; ++i) metered.publish("a", "c", 10);
  CHECK(metered.samples < 16 * 2 * broker::TopMeter::samples_of_second);
}

TEST_CASE("traffic that ended is forgotten, and new traffic is seen at once", "[top_meter]") {
  Metered metered;
  for (int i = 0; i < 5; ++i) {
    for (int k = 0; k < 100'000; ++k) metered.publish("old", "c", 10);
    metered.pass_second();
  }
  CHECK(metered.rate(TopList::topics_by_messages, "old") > 0);
  for (int i = 0; i < 60; ++i) metered.pass_second();
  metered.publish("new", "c", 10);
  metered.publish("new", "c", 10);
  CHECK(metered.rate(TopList::topics_by_messages, "new") > 0);
  for (int i = 0; i < 600; ++i) metered.pass_second();
  CHECK(metered.rate(TopList::topics_by_messages, "old") == 0);
}
