#include "transport/admission.h"

#include <catch2/catch.hpp>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace transport {
namespace {

using As = ConnectionCharge::As;
using broker::Refusal;

/// The door of one loop, with a listener.
struct Door {
  explicit Door(std::int64_t listener_max = -1, std::int64_t all_max = -1)
      : of_listener(listener_max), all(all_max) {}

  std::optional<Refusal> admit(ConnectionCharge& charge, const std::string& address) {
    return admission.admit(charge, listener, PeerAddress::parse(address).value(), now);
  }
  bool turn_away(ConnectionCharge& charge, Refusal refusal, bool inside_tls = false) {
    return admission.turn_away(charge, of_listener, refusal, inside_tls, now);
  }

  LoopOptions options;
  ListenerOptions listener;
  AddressTable addresses;
  ConnectionCount of_listener;
  ConnectionCount all;
  Admission admission{options, addresses, all};
  broker::Instant now{1'000'000};
};

}  // namespace

TEST_CASE("a connection counts for its listener and for the broker until it leaves",
          "[admission]") {
  Door door;
  ConnectionCharge charge;
  CHECK_FALSE(door.admission.enter(charge, door.of_listener));
  CHECK(charge.as == As::connection);
  CHECK(door.of_listener.count() == 1);
  CHECK(door.all.count() == 1);
  door.admission.leave(charge, door.of_listener);
  door.admission.leave(charge, door.of_listener);  // the second time it does nothing
  CHECK(charge.as == As::nothing);
  CHECK(door.of_listener.count() == 0);
  CHECK(door.all.count() == 0);
}

TEST_CASE("Mosquitto's limits are not told where that is wanted", "[admission]") {
  Door door;
  ConnectionCharge charge;
  for (const Refusal refusal : {Refusal::max_connections, Refusal::global_max_connections}) {
    for (const bool silent : {false, true}) {
      door.options.refuse_silently = silent;
      CHECK(door.turn_away(charge, refusal) == !silent);
      door.admission.leave(charge, door.of_listener);
    }
  }
  CHECK(door.turn_away(charge, Refusal::connections_per_address));
}

TEST_CASE("a refused connection counts nowhere", "[admission]") {
  Door door(2, 1);
  ConnectionCharge first;
  ConnectionCharge second;
  CHECK_FALSE(door.admission.enter(first, door.of_listener));
  CHECK(door.admission.enter(second, door.of_listener) == Refusal::global_max_connections);
  CHECK(second.as == As::nothing);
  CHECK(door.of_listener.count() == 1);
  Door small(0);
  CHECK(small.admission.enter(second, small.of_listener) == Refusal::max_connections);
  CHECK(small.all.count() == 0);
}

TEST_CASE("connections count by their address, exempt ones do not", "[admission]") {
  Door door;
  door.listener.admission.connections_per_address_max = 1;
  REQUIRE(door.options.limits_exempt.add("192.0.2.9"));
  ConnectionCharge first;
  ConnectionCharge second;
  CHECK_FALSE(door.admit(first, "192.0.2.1"));
  CHECK(first.address != nullptr);
  CHECK(door.admit(second, "192.0.2.1") == Refusal::connections_per_address);
  CHECK(second.address == nullptr);
  CHECK_FALSE(door.admit(second, "192.0.2.9"));
  CHECK(second.address == nullptr);
  door.admission.leave(first, door.of_listener);
  CHECK_FALSE(door.admit(second, "192.0.2.1"));
}

TEST_CASE("a connection refused for its address takes nothing of the rate of all", "[admission]") {
  Door door;
  door.listener.admission.rate = 2;
  door.listener.admission.connections_per_address_max = 1;
  std::vector<ConnectionCharge> charges(4);
  CHECK_FALSE(door.admit(charges[0], "192.0.2.1"));
  CHECK(door.admit(charges[1], "192.0.2.1") == Refusal::connections_per_address);
  CHECK_FALSE(door.admit(charges[2], "192.0.2.2"));
  CHECK(door.admit(charges[3], "192.0.2.3") == Refusal::connection_rate);
}

TEST_CASE("failed logins ban an address", "[admission]") {
  Door door;
  const PeerAddress address = PeerAddress::parse("192.0.2.1").value();
  CHECK_FALSE(door.admission.login_key(address));  // bans are off
  door.options.logins = {.failures_max = 2, .time_seconds = 60, .ban_seconds = 300};
  const auto key = door.admission.login_key(address);
  REQUIRE(key);
  CHECK_FALSE(door.admission.count_failed_login(*key, door.now));
  CHECK_FALSE(door.admission.is_banned(*key, door.now));
  CHECK(door.admission.count_failed_login(*key, door.now));
  CHECK(door.admission.is_banned(*key, door.now));
  ConnectionCharge charge;
  CHECK(door.admit(charge, "192.0.2.1") == Refusal::banned);
  CHECK_FALSE(door.turn_away(charge, Refusal::banned));  // it had its answers
  CHECK_FALSE(door.admission.login_key(PeerAddress()));  // a unix socket has no address
}

TEST_CASE("an address that was there before its limit is counted without a refusal",
          "[admission]") {
  Door door;
  const PeerAddress address = PeerAddress::parse("192.0.2.1").value();
  std::vector<ConnectionCharge> charges(3);
  for (std::size_t i = 0; i < 2; ++i) {
    CHECK_FALSE(door.admission.enter(charges[i], door.of_listener));
    door.admission.count_address(charges[i], door.listener, address, door.now);
    CHECK(charges[i].address != nullptr);
  }
  door.listener.admission.connections_per_address_max = 2;
  CHECK(door.admit(charges[2], "192.0.2.1") == Refusal::connections_per_address);
}

TEST_CASE("connections over a limit get an answer, so many at a time", "[admission]") {
  Door door;
  std::vector<ConnectionCharge> charges(Admission::turned_away_max);
  for (ConnectionCharge& charge : charges) {
    REQUIRE(door.turn_away(charge, Refusal::max_connections));
    REQUIRE(charge.as == As::turned_away);
  }
  CHECK(charges.front().refusal == Refusal::max_connections);
  ConnectionCharge late;
  CHECK_FALSE(door.turn_away(late, Refusal::max_connections));
  CHECK(late.as == As::nothing);
  door.admission.leave(charges.front(), door.of_listener);
  CHECK(door.turn_away(late, Refusal::max_connections));
}

TEST_CASE("inside of TLS a few connections a second get an answer", "[admission]") {
  Door door;
  std::vector<ConnectionCharge> charges(Admission::answers_inside_tls.burst + 1);
  for (std::size_t i = 0; i + 1 < charges.size(); ++i) {
    CHECK(door.turn_away(charges[i], Refusal::connection_rate, true));
  }
  CHECK_FALSE(door.turn_away(charges.back(), Refusal::connection_rate, true));
  CHECK(door.turn_away(charges.back(), Refusal::connection_rate));  // outside of TLS
}

}  // namespace transport
