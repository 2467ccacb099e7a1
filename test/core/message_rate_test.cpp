#include "broker/core/message_rate.h"

#include <catch2/catch.hpp>
#include <cstdint>

using broker::Instant;
using broker::MessageRate;

namespace {

constexpr Instant came{1'000'000};

constexpr Instant later(std::int64_t milliseconds) {
  return broker::after_milliseconds(came, milliseconds);
}

void receive(MessageRate& rate, int messages) {
  for (int i = 0; i < messages; ++i) rate.count_received();
}

}  // namespace

TEST_CASE("a client that has just come has no rate", "[message_rate]") {
  MessageRate rate(came);
  receive(rate, 100);
  CHECK(rate.rates(later(1999)).received == 0);
  CHECK(rate.rates(later(2000)).received == 50);
  CHECK(rate.rates(later(4000)).received == 25);
}

TEST_CASE("a window is too short at first: the one before it counts", "[message_rate]") {
  MessageRate rate(came);
  receive(rate, 10);
  rate.count_sent();
  rate.next_window(later(5000));
  receive(rate, 100);
  CHECK(rate.rates(later(6999)).received == 2);
  CHECK(rate.rates(later(6999)).sent == Approx(0.2).epsilon(0.005));
  CHECK(rate.rates(later(7000)).received == 50);
  CHECK(rate.rates(later(7000)).sent == 0);
  rate.next_window(later(7000));
  CHECK(rate.rates(later(7001)).received == 50);
}

TEST_CASE("time that passes 32 bits of milliseconds goes on", "[message_rate]") {
  constexpr Instant end{(std::int64_t{1} << 32) - 1000};
  MessageRate rate(end);
  receive(rate, 40);
  CHECK(rate.rates(broker::after_milliseconds(end, 4000)).received == 10);
}
