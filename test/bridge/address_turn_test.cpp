#include "broker/bridge/address_turn.h"

#include <catch2/catch.hpp>

using bridge::AddressTurn;
using broker::Instant;

namespace {

bridge::Options three_addresses() {
  bridge::Options options;
  options.addresses = {{"a", 1883}, {"b", 8883}, {"/run/c.sock", 0}};
  options.first_address_milliseconds = 5'000;
  return options;
}

constexpr Instant now{1'000'000};

}  // namespace

TEST_CASE("addresses have their turn one after another, and the first again after the last",
          "[address_turn]") {
  const bridge::Options options = three_addresses();
  AddressTurn turn(options);
  CHECK(turn.index() == 0);
  CHECK(turn.text() == "a:1883");
  turn.advance();
  CHECK(turn.text() == "b:8883");
  turn.advance();
  CHECK(turn.text() == "/run/c.sock");  // no port to be told
  turn.advance();
  CHECK(turn.index() == 0);
}

TEST_CASE("the first address is due every few seconds while another one is connected",
          "[address_turn]") {
  const bridge::Options options = three_addresses();
  AddressTurn turn(options);
  turn.connected(now);
  CHECK_FALSE(turn.first_due_at());  // it is the first
  turn.ended();
  turn.advance();
  turn.connected(now);
  CHECK(turn.first_due_at() == broker::after_milliseconds(now, 5'000));
  CHECK_FALSE(turn.first_is_due(broker::after_milliseconds(now, 4'999)));
  CHECK(turn.first_is_due(broker::after_milliseconds(now, 5'000)));
  CHECK_FALSE(turn.first_is_due(broker::after_milliseconds(now, 5'001)));
  CHECK(turn.first_is_due(broker::after_milliseconds(now, 10'000)));
  turn.ended();
  CHECK_FALSE(turn.first_is_due(broker::after_milliseconds(now, 99'000)));
}

TEST_CASE("the first address can be made the next one", "[address_turn]") {
  const bridge::Options options = three_addresses();
  AddressTurn turn(options);
  turn.advance();
  turn.make_first_next();
  turn.advance();
  CHECK(turn.index() == 0);
}

TEST_CASE("with round_robin no address is preferred", "[address_turn]") {
  bridge::Options options = three_addresses();
  options.round_robin = true;
  AddressTurn turn(options);
  turn.advance();
  turn.connected(now);
  CHECK_FALSE(turn.first_due_at());
}
