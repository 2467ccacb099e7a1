#include "tools/darter-bench/packet_ids.h"

#include <catch2/catch.hpp>

namespace {

using bench::PacketIds;
using mqtt::PacketId;
using mqtt::PacketType;
using mqtt::Qos;

}  // namespace

TEST_CASE("packet identifiers go round from 1 and are not given out while in use", "[packet_ids]") {
  PacketIds ids(2);
  CHECK(ids.take() == PacketId{1});
  CHECK(ids.take() == PacketId{2});
  CHECK_FALSE(ids.take());
  CHECK(ids.answered(PacketType::puback, PacketId{1}, Qos::at_least_once));
  CHECK(ids.take() == PacketId{1});
  CHECK(ids.in_use() == 2);
}

TEST_CASE("QoS 2 takes PUBREC and then PUBCOMP", "[packet_ids]") {
  PacketIds ids(1);
  const PacketId id = ids.take().value();
  CHECK_FALSE(ids.answered(PacketType::pubcomp, id, Qos::exactly_once));
  CHECK(ids.answered(PacketType::pubrec, id, Qos::exactly_once));
  CHECK_FALSE(ids.answered(PacketType::pubrec, id, Qos::exactly_once));
  CHECK(ids.in_use() == 1);
  CHECK(ids.answered(PacketType::pubcomp, id, Qos::exactly_once));
  CHECK(ids.in_use() == 0);
}

TEST_CASE("answers that nobody waits for are told", "[packet_ids]") {
  PacketIds ids(1);
  CHECK_FALSE(ids.answered(PacketType::puback, PacketId{1}, Qos::at_least_once));
  CHECK_FALSE(ids.answered(PacketType::puback, PacketId{0}, Qos::at_least_once));
  CHECK_FALSE(ids.answered(PacketType::puback, PacketId{9}, Qos::at_least_once));
  const PacketId id = ids.take().value();
  CHECK_FALSE(ids.answered(PacketType::pubrec, id, Qos::at_least_once));
  CHECK_FALSE(ids.answered(PacketType::puback, id, Qos::exactly_once));
}
