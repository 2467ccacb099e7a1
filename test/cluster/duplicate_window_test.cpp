#include "broker/cluster/duplicate_window.h"

#include <catch2/catch.hpp>
#include <cstdint>
#include <limits>
#include <random>
#include <set>

using broker::ShardIndex;
using cluster::DuplicateWindow;
using cluster::DuplicateWindows;
using cluster::Incarnation;

TEST_CASE("a number is new once", "[cluster]") {
  DuplicateWindow window;
  CHECK_FALSE(window.take(0));
  CHECK(window.take(1));
  CHECK_FALSE(window.take(1));
  CHECK(window.take(5));
  CHECK(window.take(3));
  CHECK_FALSE(window.take(3));
  CHECK_FALSE(window.take(5));
  CHECK(window.take(4));
}

TEST_CASE("a number that is too old to tell counts as a copy", "[cluster]") {
  DuplicateWindow window;
  const std::uint64_t far = 10 * DuplicateWindow::numbers;
  CHECK(window.take(far));
  CHECK(window.take(far - DuplicateWindow::numbers + 1));
  CHECK_FALSE(window.take(far - DuplicateWindow::numbers));
  CHECK(window.take(std::numeric_limits<std::uint64_t>::max()));
  CHECK_FALSE(window.take(far + 1));
  CHECK(window.take(std::numeric_limits<std::uint64_t>::max() - 1));
}

TEST_CASE("the window says the same as a set of all numbers", "[cluster]") {
  std::minstd_rand random(GENERATE(range(1U, 11U)));
  DuplicateWindow window;
  std::set<std::uint64_t> all;
  std::uint64_t highest = 0;
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t roll = random() >> 5U;
    std::uint64_t number = highest + 1 + roll % 3;
    if (roll % 5 == 0) number = highest > 1100 ? highest - roll % 1100 : 1;
    if (roll % 997 == 0) number = highest + 500 + roll % 1000;
    const bool is_old = number + DuplicateWindow::numbers <= highest;
    const bool is_new = !is_old && !all.contains(number);
    if (window.take(number) != is_new) FAIL("number " << number << " after " << highest);
    all.insert(number);
    highest = std::max(highest, number);
  }
}

TEST_CASE("senders have numbers of their own until their run is over", "[cluster]") {
  DuplicateWindows windows;
  const Incarnation run = cluster::incarnation_of(0xABCD'1234'5678'9ABC);
  const auto first = cluster::sender_of(run, ShardIndex{0});
  const auto second = cluster::sender_of(run, ShardIndex{1});
  const auto other = cluster::sender_of(cluster::incarnation_of(0x10000), ShardIndex{0});
  CHECK(cluster::run_of(second) == run);
  CHECK(windows.take(first, 1));
  CHECK(windows.take(second, 1));
  CHECK(windows.take(other, 1));
  CHECK_FALSE(windows.take(second, 1));
  windows.forget(run);
  CHECK(windows.size() == 1);
  CHECK(windows.take(second, 1));
  CHECK_FALSE(windows.take(other, 1));
}

TEST_CASE("the sender that was quiet for longest makes room", "[cluster]") {
  DuplicateWindows windows;
  const auto sender = [](std::uint64_t number) {
    return cluster::sender_of(cluster::incarnation_of(number << 16U), ShardIndex{0});
  };
  for (std::uint64_t i = 1; i <= DuplicateWindows::senders_max; ++i) {
    CHECK(windows.take(sender(i), 1));
  }
  CHECK_FALSE(windows.take(sender(1), 1));
  CHECK(windows.take(sender(99'999), 1));
  CHECK(windows.size() == DuplicateWindows::senders_max);
  CHECK_FALSE(windows.take(sender(1), 1));
  CHECK(windows.take(sender(2), 1));
}
