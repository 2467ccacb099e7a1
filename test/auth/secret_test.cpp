#include "auth/secret.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstddef>
#include <span>
#include <string_view>
#include <utility>

#include "auth/keyed_mac.h"
#include "auth/lru_map.h"

using auth::Secret;

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

TEST_CASE("a MAC tells lists of texts apart, and one process from another", "[keyed_mac]") {
  const auth::KeyedMac mac;
  CHECK(mac.of({"ab", "c"}) == mac.of({"ab", "c"}));
  CHECK(mac.of({"ab", "c"}) != mac.of({"a", "bc"}));
  CHECK(mac.of({"ab", "c"}) != mac.of({"abc"}));
  CHECK(mac.of({"ab", ""}) != mac.of({"ab"}));
  CHECK(mac.of({"ab"}) != auth::KeyedMac().of({"ab"}));
}

TEST_CASE("an LruMap gives up what was not used for longest", "[lru_map]") {
  auth::LruMap<int, int> map(2);
  map.put(1, 10);
  map.put(2, 20);
  REQUIRE(map.find(1) != nullptr);
  map.put(3, 30);
  CHECK(map.find(2) == nullptr);
  CHECK(*map.find(1) == 10);
  map.put(1, 11);
  CHECK(*map.find(1) == 11);
  CHECK(map.size() == 2);
  map.erase(1);
  CHECK(map.find(1) == nullptr);
  map.clear();
  CHECK(map.size() == 0);
  auth::LruMap<int, int> nothing(0);
  nothing.put(1, 10);
  CHECK(nothing.find(1) == nullptr);
}
