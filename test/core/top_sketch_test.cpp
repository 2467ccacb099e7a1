#include "broker/core/top_sketch.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <string>

namespace {

using broker::TopSketch;

const TopSketch::Entry* find(const TopSketch& sketch, std::string_view text) {
  const auto found = std::ranges::find(sketch.entries(), text, &TopSketch::Entry::text);
  return found == sketch.entries().end() ? nullptr : &*found;
}

}  // namespace

TEST_CASE("a stream of few texts is weighed exactly", "[top_sketch]") {
  TopSketch sketch;
  for (int i = 0; i < 10; ++i) {
    sketch.add("a", 1, 100);
    sketch.add("b", 2, 0.5);
  }
  REQUIRE(sketch.entries().size() == 2);
  CHECK(find(sketch, "a")->weight == 10);
  CHECK(find(sketch, "a")->other == 1000);
  CHECK(find(sketch, "b")->weight == 20);
  CHECK(find(sketch, "b")->error == 0);
}

TEST_CASE("heavy texts are found among many light ones, and errors are bounds", "[top_sketch]") {
  TopSketch sketch;
  std::map<std::string, double> exact;
  double total = 0;
  const auto add = [&](const std::string& text, double weight) {
    sketch.add(text, weight, 0);
    exact[text] += weight;
    total += weight;
  };
  for (int i = 0; i < 20'000; ++i) {
    add("light/" + std::to_string(i % 3'000), 1);
    if (i % 10 == 0) add("heavy", 2);
    if (i % 20 == 0) add("less heavy", 2);
  }
  REQUIRE(sketch.entries().size() == TopSketch::entries_max);
  for (const auto& [text, weight] : exact) {
    if (weight > total / TopSketch::entries_max) CHECK(find(sketch, text) != nullptr);
  }
  for (const TopSketch::Entry& each : sketch.entries()) {
    CAPTURE(each.text);
    CHECK(each.weight >= exact[each.text]);
    CHECK(each.weight - each.error <= exact[each.text]);
    CHECK(each.error <= total / TopSketch::entries_max);
  }
}

TEST_CASE("long texts are cut, and those that differ behind the cut are two", "[top_sketch]") {
  TopSketch sketch;
  const std::string text(TopSketch::text_bytes_max, 'x');
  sketch.add(text, 1, 0);
  sketch.add(text + "a", 2, 0);
  sketch.add(text + "b", 4, 0);
  sketch.add(text + "b", 4, 0);
  REQUIRE(sketch.entries().size() == 3);
  for (const TopSketch::Entry& each : sketch.entries()) {
    CHECK(each.text == text);
    CHECK(each.is_cut == (each.weight > 1));
  }
  CHECK(std::ranges::count(sketch.entries(), 8, &TopSketch::Entry::weight) == 1);
}

TEST_CASE("weights decay, and texts that do not come any more go", "[top_sketch]") {
  TopSketch sketch;
  sketch.add("a", 8, 16);
  sketch.add("b", 1, 1);
  sketch.decay(0.5);
  CHECK(find(sketch, "a")->weight == 4);
  CHECK(find(sketch, "a")->other == 8);
  for (int i = 0; i < 10; ++i) {
    sketch.add("a", 1, 0);
    sketch.decay(0.5);
  }
  REQUIRE(sketch.entries().size() == 1);
  CHECK(sketch.entries().front().text == "a");
}
