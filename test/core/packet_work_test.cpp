#include "broker/core/packet_work.h"

#include <catch2/catch.hpp>
#include <string>
#include <string_view>

using broker::PacketWork;

namespace {

/// Work on a packet with filters that stand in `bytes`.
PacketWork work_on(std::string_view bytes, std::size_t filters) {
  mqtt::SubscribeHead head;
  head.filters = mqtt::as_bytes(bytes);
  PacketWork work(mqtt::PacketType::subscribe, head);
  work.filters = filters;
  return work;
}

PacketWork::Outcome outcome(broker::TopicTrie::FilterIndex filter, bool fresh = true) {
  return {.filter = filter, .fresh = fresh};
}

}  // namespace

TEST_CASE("each phase reads the filters from the first one", "[packet_work]") {
  PacketWork work = work_on("abcdef", 2);
  work.went_on(work.rest().subspan(4));
  CHECK(mqtt::as_text(work.rest()) == "ef");
  work.number = 1;
  work.begin(PacketWork::Phase::change);
  CHECK(mqtt::as_text(work.rest()) == "abcdef");
  CHECK(work.number == 0);
}

TEST_CASE("filters that are kept no longer stand in the bytes being received", "[packet_work]") {
  std::string bytes = "abc";
  PacketWork work = work_on(bytes, 1);
  work.went_on(work.rest().subspan(1));
  CHECK(work.keep() == 3);
  CHECK(work.keep() == 0);  // that was done
  bytes = "xyz";
  CHECK(mqtt::as_text(work.rest()) == "bc");
}

TEST_CASE("of equal filters in a packet the last one counts", "[packet_work]") {
  PacketWork work = work_on("", 4);
  work.add(outcome(5));
  work.add(outcome(6, false));
  work.add(outcome(5, false));  // it is there since the first one
  work.add(outcome(5, false));
  CHECK(work.outcomes[0].repeated);
  CHECK_FALSE(work.outcomes[1].repeated);
  CHECK(work.outcomes[2].repeated);
  CHECK_FALSE(work.outcomes[3].repeated);
  CHECK(work.outcomes[3].fresh);  // the packet has brought it
  CHECK_FALSE(work.outcomes[1].fresh);
}

TEST_CASE("filters that were not added are equal to none", "[packet_work]") {
  PacketWork work = work_on("", 2);
  work.add(outcome(0));
  work.add(outcome(0));
  CHECK_FALSE(work.outcomes[0].repeated);
  CHECK_FALSE(work.outcomes[1].repeated);
}
