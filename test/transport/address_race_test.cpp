#include "transport/address_race.h"

#include <catch2/catch.hpp>

using broker::after_milliseconds;
using broker::Instant;
using transport::AddressRace;
using transport::PeerAddress;

namespace {

std::vector<PeerAddress> parse_all(const std::vector<std::string>& texts) {
  std::vector<PeerAddress> addresses;
  for (const std::string& text : texts) addresses.push_back(PeerAddress::parse(text).value());
  return addresses;
}

std::vector<std::string> texts_of(const std::vector<PeerAddress>& addresses) {
  std::vector<std::string> texts;
  for (const PeerAddress& address : addresses) texts.push_back(address.text());
  return texts;
}

using Strings = std::vector<std::string>;
constexpr Instant start{1'000'000};

}  // namespace

TEST_CASE("families take turns, and the resolver's order stays within each", "[address_race]") {
  const auto interleaved = [](const Strings& texts) {
    return texts_of(transport::interleave_families(parse_all(texts)));
  };
  CHECK(interleaved({}).empty());
  CHECK(interleaved({"10.0.0.1", "10.0.0.2"}) == Strings{"10.0.0.1", "10.0.0.2"});
  CHECK(interleaved({"2001:db8::1", "2001:db8::2", "2001:db8::3", "10.0.0.1"}) ==
        Strings{"2001:db8::1", "10.0.0.1", "2001:db8::2", "2001:db8::3"});
  CHECK(interleaved({"10.0.0.1", "2001:db8::1", "2001:db8::2"}) ==
        Strings{"10.0.0.1", "2001:db8::1", "2001:db8::2"});
}

TEST_CASE("an address that does not answer costs a pause", "[address_race]") {
  AddressRace race(parse_all({"2001:db8::1", "10.0.0.1", "10.0.0.2"}), {}, start);
  CHECK(race.next(start) == AddressRace::Attempt{0});
  CHECK_FALSE(race.next(start));
  CHECK(race.next_wake() == after_milliseconds(start, 250));
  CHECK_FALSE(race.next(after_milliseconds(start, 249)));
  CHECK(race.next(after_milliseconds(start, 250)) == AddressRace::Attempt{1});
  CHECK_FALSE(race.next(after_milliseconds(start, 499)));
  race.succeeded(1);
  CHECK(race.state() == AddressRace::State::won);
  CHECK_FALSE(race.next(after_milliseconds(start, 10'000)));
  CHECK_FALSE(race.next_wake());
}

TEST_CASE("an address that refuses costs no time", "[address_race]") {
  AddressRace race(parse_all({"10.0.0.1", "10.0.0.2", "10.0.0.3"}), {}, start);
  CHECK(race.next(start) == AddressRace::Attempt{0});
  race.failed(0);
  CHECK(race.state() == AddressRace::State::running);
  CHECK(race.next(start) == AddressRace::Attempt{1});
  CHECK(race.next(after_milliseconds(start, 250)) == AddressRace::Attempt{2});
  // The last one goes on while an older one fails.
  race.failed(1);
  CHECK(race.state() == AddressRace::State::running);
  race.failed(2);
  CHECK(race.state() == AddressRace::State::failed);
  CHECK_FALSE(race.next_wake());
}

TEST_CASE("an older attempt that fails hurries nothing", "[address_race]") {
  AddressRace race(parse_all({"10.0.0.1", "10.0.0.2", "10.0.0.3"}), {}, start);
  CHECK(race.next(start) == AddressRace::Attempt{0});
  const Instant second = after_milliseconds(start, 250);
  CHECK(race.next(second) == AddressRace::Attempt{1});
  race.failed(0);
  CHECK_FALSE(race.next(after_milliseconds(second, 249)));
  CHECK(race.next_wake() == after_milliseconds(second, 250));
  race.failed(1);
  CHECK(race.next(after_milliseconds(second, 249)) == AddressRace::Attempt{2});
}

TEST_CASE("a race ends: without an address at once, and in time with silent ones",
          "[address_race]") {
  CHECK(AddressRace({}, {}, start).state() == AddressRace::State::failed);
  AddressRace race(parse_all({"10.0.0.1"}), {.timeout_milliseconds = 5000}, start);
  CHECK(race.next(start) == AddressRace::Attempt{0});
  CHECK(race.next_wake() == after_milliseconds(start, 5000));
  CHECK_FALSE(race.next(after_milliseconds(start, 4999)));
  CHECK(race.state() == AddressRace::State::running);
  CHECK_FALSE(race.next(after_milliseconds(start, 5000)));
  CHECK(race.state() == AddressRace::State::timed_out);
}
