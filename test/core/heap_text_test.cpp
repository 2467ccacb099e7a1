#include "broker/core/heap_text.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>
#include <utility>

using broker::HeapText;

TEST_CASE("a heap text says what it was made of, zeros and all", "[heap_text]") {
  const std::string original =
      GENERATE(std::string("a"), std::string("a\0b", 3), std::string(70'000, 'x'));
  const HeapText text{std::string_view(original)};
  CHECK(text == original);
  CHECK(text.size() == original.size());
  CHECK_FALSE(text.empty());
  CHECK_FALSE(text == original + "x");
}

TEST_CASE("an empty heap text owns nothing", "[heap_text]") {
  CHECK(sizeof(HeapText) == sizeof(void*));
  CHECK(HeapText().view().empty());
  CHECK(HeapText(std::string_view("")).empty());
}

TEST_CASE("a heap text moves", "[heap_text]") {
  HeapText first{std::string_view("name")};
  const HeapText second = std::move(first);
  CHECK(second == "name");
  CHECK(first.empty());  // NOLINT(bugprone-use-after-move): that is the matter
}
