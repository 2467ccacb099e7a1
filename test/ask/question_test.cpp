#include "broker/server/ask/question.h"

#include <catch2/catch.hpp>
#include <string_view>
#include <vector>

using ask::Question;
using Words = std::vector<std::string_view>;

TEST_CASE("a question has a name and words with values", "[ask]") {
  const Words words{"clients", "filter=user=alice", "filter=id=*", "limit=7", "delete", "empty="};
  const Question question(words);
  CHECK(question.name() == "clients");
  CHECK(question.value("filter") == "user=alice");
  CHECK(question.values("filter") == Words{"user=alice", "id=*"});
  CHECK(question.has("delete"));
  CHECK(question.value("delete").empty());
  CHECK(question.has("empty"));
  CHECK_FALSE(question.has("clients"));
  CHECK(question.number("limit", 5, 10) == 7);
  CHECK(question.number("other", 5, 10) == 5);
}

TEST_CASE("a number out of its range is told", "[ask]") {
  const std::string_view word =
      GENERATE(as<std::string_view>(), "limit=0", "limit=11", "limit=x", "limit=3x", "limit=-1",
               "limit=", "limit=99999999999999999999999");
  const Words words{"clients", word};
  const auto number = Question(words).number("limit", 5, 10);
  REQUIRE_FALSE(number.has_value());
  CHECK(number.error().starts_with("'limit' is a number, 1 to 10, not '"));
}

TEST_CASE("a cursor is a text and back", "[ask]") {
  CHECK(ask::cursor_of("") == ask::Cursor{});
  CHECK(ask::cursor_of(ask::text_of({3, 70'000})) == ask::Cursor{3, 70'000});
  const std::string_view bad = GENERATE(as<std::string_view>(), "1", "1:", ":1", "a:b", "1:2:3");
  CHECK_FALSE(ask::cursor_of(bad).has_value());
}
