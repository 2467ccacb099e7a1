#include "broker/server/top_questions.h"

#include <catch2/catch.hpp>
#include <string>
#include <vector>

using server::TopRow;

TEST_CASE("rates of shards are summed up by text, and the largest come first", "[top_questions]") {
  const std::vector<TopRow> rows = server::first_rows({{"a", false, 10, 1, 100},
                                                       {"b", false, 12, 0, 7},
                                                       {"a", false, 5, 0, 50},
                                                       {"a", true, 1, 0, 1},
                                                       {"unsure", false, 100, 60, 1}},
                                                      2);
  REQUIRE(rows.size() == 2);
  CHECK(rows[0].text == "a");
  CHECK_FALSE(rows[0].is_cut);
  CHECK(rows[0].rate == 15);
  CHECK(rows[0].error == 1);
  CHECK(rows[0].other_rate == 150);
  CHECK(rows[1].text == "b");
}

TEST_CASE("a row that may be of others for more than half is left out", "[top_questions]") {
  CHECK(server::first_rows({{"a", false, 10, 5.1, 0}}, 5).empty());
  CHECK(server::first_rows({{"a", false, 10, 5, 0}}, 5).size() == 1);
}
