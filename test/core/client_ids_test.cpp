#include "broker/core/client_ids.h"

#include <catch2/catch.hpp>
#include <set>
#include <string>

using broker::ClientIds;
using broker::Homes;
using broker::ShardIndex;

namespace {

constexpr std::uint64_t home_key[2] = {1, 2};

}  // namespace

TEST_CASE("an assigned client identifier is the prefix and a UUID", "[client_ids]") {
  const Homes homes(home_key, 1);
  ClientIds ids(7, home_key[1], homes, ShardIndex{0});
  const std::string id = ids.next("auto-");
  REQUIRE(id.size() == 5 + 36);
  CHECK(id.starts_with("auto-"));
  CHECK(id[5 + 14] == '4');  // its version
  CHECK(std::string_view("89ab").find(id[5 + 19]) != std::string_view::npos);
}

TEST_CASE("assigned client identifiers are unique, and at home on their shard [MQTT-3.1.3-6]",
          "[client_ids]") {
  const Homes homes(home_key, 4);
  std::set<std::string> all;
  for (std::uint32_t shard = 0; shard < 4; ++shard) {
    ClientIds ids(shard, home_key[1], homes, ShardIndex{shard});
    for (int i = 0; i < 100; ++i) {
      const std::string id = ids.next("");
      CHECK(homes.of(id) == ShardIndex{shard});
      CHECK(all.insert(id).second);
    }
  }
}
