#include "broker/core/homes.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <set>
#include <string>

using broker::Homes;
using broker::ShardIndex;

namespace {

constexpr std::uint64_t key[2] = {1, 2};
constexpr std::uint64_t other_key[2] = {1, 3};

}  // namespace

TEST_CASE("one shard is the home of every name") {
  const Homes homes(key, 1);
  CHECK(homes.of("") == ShardIndex{0});
  CHECK(homes.of("a") == ShardIndex{0});
  CHECK(homes.of_group("share", "a/#") == ShardIndex{0});
}

TEST_CASE("names spread over all shards, and each has one home") {
  const Homes homes(key, 4);
  std::set<ShardIndex> seen;
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i);
    const ShardIndex home = homes.of(name);
    CHECK(static_cast<std::uint32_t>(home) < 4);
    CHECK(home == Homes(key, 4).of(name));
    seen.insert(home);
  }
  CHECK(seen.size() == 4);
}

TEST_CASE("homes depend on the key") {
  const Homes homes(key, 64);
  const Homes others(other_key, 64);
  int moved = 0;
  for (int i = 0; i < 100; ++i) {
    const std::string name = std::to_string(i);
    moved += homes.of(name) == others.of(name) ? 0 : 1;
  }
  CHECK(moved > 80);
}

TEST_CASE("a shared subscription is at home by share name and filter") {
  const Homes homes(key, 64);
  CHECK(homes.of_group("share", "a/#") == homes.of("share/a/#"));
  CHECK(homes.of_group("share", "a/#") != homes.of_group("share", "a/b"));
}
