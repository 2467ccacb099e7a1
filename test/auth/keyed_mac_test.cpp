#include "auth/keyed_mac.h"

#include <catch2/catch.hpp>

#include "auth/lru_map.h"

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
