#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "tools/darter-bench/options.h"
#include "tools/darter-bench/report.h"

namespace {

using Words = std::vector<std::string>;

auto read(const Words& words) { return bench::read_options(words); }

}  // namespace

TEST_CASE("options of darter-bench stand before or behind the scenario", "[bench_options]") {
  const auto options = read({"--port", "2883", "pairs", "--qos", "2", "--ws", "--warmup", "0.25"});
  REQUIRE(options);
  CHECK(options->scenario == "pairs");
  CHECK(options->port == 2883);
  CHECK(options->quality() == mqtt::Qos::exactly_once);
  CHECK(options->websocket);
  CHECK(options->warmup_seconds == 0.25);
}

TEST_CASE("what darter-bench cannot read is named", "[bench_options]") {
  const auto [words, name] = GENERATE(table<Words, std::string>({
      {{"pairs", "--qos", "3"}, "--qos wants a number from 0 to 2, not '3'"},
      {{"pairs", "--port", "x"}, "--port wants a number from 1 to 65535, not 'x'"},
      {{"pairs", "--port", "1x"}, "--port wants a number from 1 to 65535, not '1x'"},
      {{"pairs", "--port"}, "--port wants a value"},
      {{"pairs", "--fast"}, "there is no option --fast"},
      {{"pairs", "fanin"}, "there is no option fanin"},
      {{"--qos", "1"}, "a scenario is wanted"},
  }));
  const auto options = read(words);
  REQUIRE_FALSE(options);
  CHECK(options.error() == name);
}

TEST_CASE("a report is one line of JSON", "[bench_report]") {
  bench::Report report;
  report.text("name", "a \"quoted\" \\ text");
  report.count("count", 7);
  report.number("number", 0.25);
  report.truth("ok", true);
  CHECK(report.line() ==
        R"({"name": "a \"quoted\" \\ text", "count": 7, "number": 0.25, "ok": true})"
        "\n");
}
