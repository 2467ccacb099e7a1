#include "broker/core/incoming_ids.h"

#include <catch2/catch.hpp>
#include <utility>
#include <vector>

using broker::IncomingIds;
using mqtt::PacketId;

namespace {

using Rows = std::vector<std::pair<unsigned, bool>>;

Rows stored(IncomingIds& ids) {
  Rows rows;
  ids.store([&](PacketId id, bool present) {
    rows.emplace_back(static_cast<std::uint16_t>(id), present);
  });
  return rows;
}

}  // namespace

TEST_CASE("each identifier has a row of its own, however many are open", "[incoming_ids]") {
  const std::uint16_t count = GENERATE(std::uint16_t{3}, std::uint16_t{20'000});
  IncomingIds ids;
  for (std::uint16_t i = 1; i <= count; ++i) ids.add(PacketId{i}, true);
  CHECK(stored(ids).size() == count);
  CHECK(stored(ids).empty());
  CHECK(ids.contains(PacketId{2}));
  CHECK(ids.remove(PacketId{2}));
  CHECK_FALSE(ids.remove(PacketId{2}));
  CHECK_FALSE(ids.contains(PacketId{2}));
  CHECK(stored(ids) == Rows{{2, false}});
  CHECK(ids.contains(PacketId{count}));
}

TEST_CASE("an identifier that came and went has no row", "[incoming_ids]") {
  IncomingIds ids;
  ids.add(PacketId{1}, true);
  CHECK(ids.remove(PacketId{1}));
  CHECK(stored(ids).empty());
}

TEST_CASE("an identifier that went and came again has a row", "[incoming_ids]") {
  IncomingIds ids;
  ids.restore(PacketId{1});
  ids.restore(PacketId{1});
  CHECK(ids.size() == 1);
  CHECK(ids.remove(PacketId{1}));
  ids.add(PacketId{1}, true);
  CHECK(stored(ids) == Rows{{1, false}, {1, true}});
}
