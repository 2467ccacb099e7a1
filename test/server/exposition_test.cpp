#include "broker/server/http/exposition.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "broker/server/http/accept.h"
#include "broker/server/sight.h"

namespace {

using broker::Figure;
using broker::FigureKind;
using broker::FigureOwner;
using broker::FigureTable;
using broker::FigureUnit;
using server::Exposition;
using server::ExpositionForm;

struct Things {
  std::uint64_t count = 0;
  std::int64_t milliseconds = 0;
  std::int64_t days = 0;
  std::array<std::uint64_t, 2> by_kind{};
  broker::Histogram times{};
};

constexpr std::array<std::string_view, 2> kinds = {"one", "two"};

constexpr Figure<Things> count_row[] = {{.name = "things",
                                         .value = broker::sum_of<&Things::count>,
                                         .unit = FigureUnit::bytes,
                                         .label = "name",
                                         .help = "Says \"a\\b\"\nand more."}};
constexpr Figure<Things> time_rows[] = {{.name = "wait",
                                         .value = broker::sum_of<&Things::milliseconds>,
                                         .kind = FigureKind::gauge,
                                         .unit = FigureUnit::milliseconds,
                                         .help = "Wait."},
                                        {.name = "left",
                                         .value = broker::sum_of<&Things::days>,
                                         .kind = FigureKind::gauge,
                                         .unit = FigureUnit::days,
                                         .help = "Left."}};
constexpr Figure<Things> kind_row[] = {{.name = "kinds",
                                        .value = broker::sum_of<&Things::by_kind>,
                                        .kind = FigureKind::maximum,
                                        .label = "kind",
                                        .items = kinds,
                                        .help = "Kinds."}};
constexpr Figure<Things> times_row[] = {{.name = "times",
                                         .value = broker::histogram_of<&Things::times>,
                                         .kind = FigureKind::histogram,
                                         .unit = FigureUnit::microseconds,
                                         .help = "Times."}};
constexpr Figure<Things> text_row[] = {{.name = "build",
                                        .format = [](const Things&) { return std::string("v\"1"); },
                                        .kind = FigureKind::text,
                                        .help = "Build."}};

using Items = std::vector<Exposition::Item<Things>>;

std::string text_of(std::span<const Figure<Things>> rows, const Items& items,
                    ExpositionForm form = ExpositionForm::openmetrics,
                    FigureOwner owner = FigureOwner::process) {
  Exposition exposition(form);
  exposition.add(FigureTable<Things>{owner, rows},
                 std::span<const Exposition::Item<Things>>(items));
  return std::move(exposition).finish();
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// A sight with a value in every table.
server::Sight full_sight() {
  server::Sight sight;
  sight.broker.version = "1";
  sight.store.emplace();
  sight.certificates["8883"] = {1'900'000'000, 12};
  sight.bridges["b"].sent = 1;
  return sight;
}

}  // namespace

TEST_CASE("a counter has its unit and _total, and its texts are escaped", "[exposition]") {
  const Things things{.count = 5};
  const Items items = {{"a\"b\\c\nd", &things}};
  CHECK(text_of(count_row, items) ==
        "# TYPE darter_things_bytes counter\n"
        "# UNIT darter_things_bytes bytes\n"
        "# HELP darter_things_bytes Says \\\"a\\\\b\\\"\\nand more.\n"
        "darter_things_bytes_total{name=\"a\\\"b\\\\c\\nd\"} 5\n"
        "# EOF\n");
  CHECK(text_of(count_row, items, ExpositionForm::prometheus) ==
        "# TYPE darter_things_bytes_total counter\n"
        "# HELP darter_things_bytes_total Says \"a\\\\b\"\\nand more.\n"
        "darter_things_bytes_total{name=\"a\\\"b\\\\c\\nd\"} 5\n");
}

TEST_CASE("times are seconds, whatever the unit of the row", "[exposition]") {
  const Things things{.milliseconds = 1500, .days = -2};
  CHECK(text_of(time_rows, {{"", &things}}) ==
        "# TYPE darter_wait_seconds gauge\n# UNIT darter_wait_seconds seconds\n"
        "# HELP darter_wait_seconds Wait.\ndarter_wait_seconds 1.5\n"
        "# TYPE darter_left_seconds gauge\n# UNIT darter_left_seconds seconds\n"
        "# HELP darter_left_seconds Left.\ndarter_left_seconds -172800\n# EOF\n");
}

TEST_CASE("an array has a sample for each of its items", "[exposition]") {
  const Things things{.by_kind = {3, 4}};
  CHECK(text_of(kind_row, {{"", &things}}) ==
        "# TYPE darter_kinds gauge\n# HELP darter_kinds Kinds.\n"
        "darter_kinds{kind=\"one\"} 3\ndarter_kinds{kind=\"two\"} 4\n# EOF\n");
}

TEST_CASE("a histogram is cumulated, and its buckets end at infinity", "[exposition]") {
  Things things;
  things.times.add(1);
  things.times.add(3);
  things.times.add(1U << 30U);
  const auto lines = lines_of(text_of(times_row, {{"", &things}}));
  REQUIRE(lines.size() == 3 + broker::Histogram::bucket_count + 2 + 1);
  CHECK(lines[0] == "# TYPE darter_times_seconds histogram");
  CHECK(lines[3] == "darter_times_seconds_bucket{le=\"1e-06\"} 1");
  CHECK(lines[4] == "darter_times_seconds_bucket{le=\"2e-06\"} 1");
  CHECK(lines[5] == "darter_times_seconds_bucket{le=\"4e-06\"} 2");
  CHECK(lines[27] == "darter_times_seconds_bucket{le=\"16.777216\"} 2");
  CHECK(lines[28] == "darter_times_seconds_bucket{le=\"+Inf\"} 3");
  CHECK(lines[29] == "darter_times_seconds_sum 1073.741828");
  CHECK(lines[30] == "darter_times_seconds_count 3");
}

TEST_CASE("the broker's own texts are labels, others would be a series each", "[exposition]") {
  const Things things;
  CHECK(text_of(text_row, {{"", &things}}, ExpositionForm::openmetrics, FigureOwner::broker) ==
        "# TYPE darter_build info\n# HELP darter_build Build.\n"
        "darter_build_info{build=\"v\\\"1\"} 1\n# EOF\n");
  CHECK(text_of(text_row, {{"", &things}}, ExpositionForm::prometheus, FigureOwner::broker) ==
        "# TYPE darter_build_info gauge\n# HELP darter_build_info Build.\n"
        "darter_build_info{build=\"v\\\"1\"} 1\n");
  CHECK(text_of(text_row, {{"", &things}}) == "# EOF\n");
}

TEST_CASE("a table without a Source has no families", "[exposition]") {
  CHECK(text_of(count_row, {}) == "# EOF\n");
}

TEST_CASE("every family of the broker stands in one place, and every sample once", "[exposition]") {
  const auto form = GENERATE(ExpositionForm::openmetrics, ExpositionForm::prometheus);
  std::set<std::string> families;
  std::set<std::string> samples;
  std::string family;
  for (const std::string& line : lines_of(server::text_of(full_sight(), form))) {
    INFO(line);
    if (line.starts_with("# TYPE ")) {
      family = line.substr(7, line.find(' ', 7) - 7);
      CHECK(families.insert(family).second);
    } else if (line == "# EOF") {
      CHECK(form == ExpositionForm::openmetrics);
    } else if (line.starts_with("# ")) {
      CHECK(line.substr(7).starts_with(family + " "));
    } else {
      CHECK(line.starts_with(family));
      CHECK(samples.insert(line.substr(0, line.rfind(' '))).second);
    }
  }
  CHECK(families.contains("darter_bridge_connected"));
  CHECK(samples.contains("darter_certificate_end_timestamp_seconds{port=\"8883\"}"));
}

TEST_CASE("the form of the answer is the one that is wanted more", "[exposition]") {
  const auto [accept, form] = GENERATE(table<std::string, ExpositionForm>({
      {"application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
       "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
       ExpositionForm::openmetrics},
      {"Application/OpenMetrics-Text", ExpositionForm::openmetrics},
      {"text/plain;version=0.0.4, application/openmetrics-text;q=0.5", ExpositionForm::prometheus},
      {"application/openmetrics-text; q=0", ExpositionForm::prometheus},
      {"application/openmetrics-text; q=0.001", ExpositionForm::openmetrics},
      {"*/*", ExpositionForm::prometheus},
      {"", ExpositionForm::prometheus},
  }));
  transport::HttpFields fields;
  fields.fields.emplace_back("accept", accept);
  CHECK(server::form_wanted(fields) == form);
}
