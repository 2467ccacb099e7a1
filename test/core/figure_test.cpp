#include "broker/core/figure.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

namespace {

using broker::Figure;
using broker::FigureKind;
using broker::largest_of;
using broker::sum_of;

constexpr std::array<std::string_view, 2> kinds = {"small", "large"};

struct Cows {
  std::int64_t milk_bytes = 0;
  std::uint64_t herds = 0;
  std::array<std::uint64_t, kinds.size()> cows{};
};

constexpr Figure<Cows> rows[] = {
    {.name = "milk", .value = sum_of<&Cows::milk_bytes>, .topic = "milk", .help = "Milk."},
    {.name = "herds",
     .value = largest_of<&Cows::herds>,
     .kind = FigureKind::gauge,
     .topic = "herds/count",
     .second_topic = "herds",
     .help = "Herds."},
    {.name = "cows",
     .value = sum_of<&Cows::cows>,
     .topic = "cows/+/count",
     .label = "kind",
     .items = kinds,
     .help = "Cows."},
    {.name = "milk_per_cow",
     .value = broker::FigureValue<Cows>{.read =
                                            [](const Cows& all, std::size_t) {
                                              return all.milk_bytes /
                                                     static_cast<std::int64_t>(all.cows[0] +
                                                                               all.cows[1]);
                                            }},
     .help = "What one gives."},
    {.name = "mood",
     .format = [](const Cows& all) { return std::string(all.milk_bytes > 5 ? "good" : "bad"); },
     .kind = FigureKind::text,
     .topic = "mood",
     .help = "As they say."},
};
constexpr broker::FigureTable<Cows> table{broker::FigureOwner::process, rows};

std::map<std::string, std::string> topics_of(const Cows& cows) {
  std::map<std::string, std::string> all;
  broker::for_each_topic(table, cows, {}, [&](std::string_view topic, std::string payload) {
    CHECK(all.try_emplace(std::string(topic), std::move(payload)).second);
  });
  return all;
}

}  // namespace

TEST_CASE("a table shows each figure at its topics", "[figure]") {
  const std::map<std::string, std::string> wanted = {{"milk", "-6"},
                                                     {"herds/count", "2"},
                                                     {"herds", "2"},
                                                     {"cows/small/count", "3"},
                                                     {"cows/large/count", "4"},
                                                     {"mood", "bad"}};
  CHECK(topics_of({-6, 2, {3, 4}}) == wanted);
}

TEST_CASE("figures of several sources are added up, or the largest counts", "[figure]") {
  Cows total;
  broker::merge(table, total, {10, 3, {1, 2}});
  broker::merge(table, total, {4, 2, {1, 0}});
  CHECK(total.milk_bytes == 14);
  CHECK(total.herds == 3);
  CHECK(total.cows == std::array<std::uint64_t, 2>{2, 2});
}

TEST_CASE("a figure that follows from others has no part in a sum", "[figure]") {
  CHECK(rows[3].value->merge == nullptr);
  CHECK(rows[3].value->read({14, 0, {3, 4}}, 0) == 2);
}

TEST_CASE("a member without a row, or with two, is found", "[figure]") {
  constexpr auto all = broker::has_every_member<Cows>(rows);
  CHECK(all);
  CHECK_FALSE(broker::has_every_member<Cows>(std::span(rows).subspan(1)));
  const Figure<Cows> twice[] = {rows[0], rows[0], rows[2]};
  CHECK_FALSE(broker::has_every_member<Cows>(twice));
}

TEST_CASE("a row that cannot be shown is found", "[figure]") {
  constexpr auto all = broker::is_complete<Cows>(rows);
  CHECK(all);
  Figure<Cows> row = rows[2];
  const auto complete = [&row] { return broker::is_complete<Cows>({&row, 1}); };
  CHECK(complete());
  row.topic = "cows";  // without a place for the kind
  CHECK_FALSE(complete());
  row = rows[0];
  row.help = {};
  CHECK_FALSE(complete());
  row = rows[4];
  row.kind = FigureKind::gauge;  // without a number
  CHECK_FALSE(complete());
}

TEST_CASE("an item takes its place in a topic", "[figure]") {
  CHECK(broker::topic_of_item("certificate/+/days", "8883") == "certificate/8883/days");
  CHECK(broker::topic_of_item("uptime", "8883") == "uptime");
}
