#include "broker/core/stragglers.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <vector>

using broker::InFlight;
using broker::Stragglers;
using mqtt::PacketId;

namespace {

InFlight sent() {
  InFlight entry;
  entry.state = InFlight::State::awaiting_puback;
  return entry;
}

}  // namespace

TEST_CASE("a straggler is found by its packet identifier, with its number", "[stragglers]") {
  Stragglers stragglers;
  CHECK(stragglers.empty());
  stragglers.add(65'535 + 6, sent());
  stragglers.add(3, sent());
  CHECK(stragglers.size() == 2);
  CHECK(stragglers.first_number() == 3);
  CHECK(stragglers.find(PacketId{7}).number == 65'541);
  CHECK(stragglers.find(PacketId{4}).entry != nullptr);
  CHECK(stragglers.find(PacketId{5}).entry == nullptr);
  stragglers.remove(PacketId{4});
  CHECK(stragglers.find(PacketId{4}).entry == nullptr);
  CHECK(stragglers.first_number() == 65'541);
}

TEST_CASE("stragglers are sent again once, the oldest first", "[stragglers]") {
  Stragglers stragglers;
  for (const std::uint64_t number : {9U, 2U, 5U}) stragglers.add(number, sent());
  CHECK_FALSE(stragglers.resending());
  CHECK(stragglers.next_to_resend().entry == nullptr);
  stragglers.rewind();
  std::vector<std::uint64_t> again;
  for (auto place = stragglers.next_to_resend(); place.entry != nullptr;
       place = stragglers.next_to_resend()) {
    again.push_back(place.number);
    place.entry->state = InFlight::State::awaiting_puback;
  }
  CHECK(again == std::vector<std::uint64_t>{2, 5, 9});
  CHECK_FALSE(stragglers.resending());
}

TEST_CASE("sending again resumes with those that are still to be sent", "[stragglers]") {
  Stragglers stragglers;
  stragglers.add(1, sent());
  InFlight unsent;
  unsent.state = InFlight::State::release_unsent;
  stragglers.add(2, std::move(unsent));
  stragglers.resume_resending();
  CHECK(stragglers.next_to_resend().number == 2);
}
