#include "broker/core/secret.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

using broker::Secret;

TEST_CASE("a secret keeps all bytes, moves as a whole and can be wiped", "[secret]") {
  constexpr std::array bytes{std::byte{'a'}, std::byte{0}, std::byte{'b'}};
  Secret first{std::span<const std::byte>(bytes)};
  CHECK(first.text() == std::string_view("a\0b", 3));
  const char* where = first.text().data();
  Secret second = std::move(first);
  CHECK(second.text().data() == where);  // no copy is left behind
  CHECK(first.size() == 0);              // NOLINT(bugprone-use-after-move): that is the question
  second = Secret(std::string_view("other"));
  CHECK(second.text() == "other");
  second.wipe();
  CHECK(second.size() == 0);
}

TEST_CASE("wiped bytes are zero", "[secret]") {
  std::array bytes{std::byte{'a'}, std::byte{1}, std::byte{255}};
  broker::wipe(bytes);
  CHECK(bytes == std::array<std::byte, 3>{});
}
