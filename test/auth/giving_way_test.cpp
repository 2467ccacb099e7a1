#include "auth/giving_way.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <thread>

namespace {

using auth::GivingWay;

/// Keeps the processor busy until this thread has offered it `count` times more.
bool busy_until_offered(std::uint64_t count) {
  constexpr std::chrono::seconds long_enough{30};
  const auto deadline = std::chrono::steady_clock::now() + long_enough;
  const std::uint64_t wanted = GivingWay::offers() + count;
  while (GivingWay::offers() < wanted) {
    if (std::chrono::steady_clock::now() > deadline) return false;
  }
  return true;
}

TEST_CASE("a thread that computes offers its core again and again", "[giving_way]") {
  const GivingWay giving_way;
  CHECK(busy_until_offered(20));
}

TEST_CASE("it does so where signals were blocked when its thread began", "[giving_way]") {
  sigset_t all{};
  sigset_t before{};
  ::sigfillset(&all);
  REQUIRE(::pthread_sigmask(SIG_SETMASK, &all, &before) == 0);
  bool offered = false;
  std::thread([&] {
    const GivingWay giving_way;
    offered = busy_until_offered(3);
  }).join();
  REQUIRE(::pthread_sigmask(SIG_SETMASK, &before, nullptr) == 0);
  CHECK(offered);
}

TEST_CASE("a thread that has offered its core long enough keeps it", "[giving_way]") {
  const GivingWay giving_way;
  REQUIRE(busy_until_offered(GivingWay::offers_max));
  const std::uint64_t before = GivingWay::offers();
  // Another thread's offers tell that there was time for many.
  std::atomic<bool> is_over{false};
  std::thread other([&] {
    const GivingWay its_own;
    static_cast<void>(busy_until_offered(20));
    is_over = true;
  });
  while (!is_over) continue;
  other.join();
  CHECK(GivingWay::offers() == before);
}

TEST_CASE("offers end with the object, and no other thread makes any", "[giving_way]") {
  {
    const GivingWay giving_way;
    REQUIRE(busy_until_offered(3));
    std::uint64_t beside = 1;
    std::thread([&] { beside = GivingWay::offers(); }).join();
    CHECK(beside == 0);
  }
  const std::uint64_t before = GivingWay::offers();
  // Another thread's offers tell that there was time for many.
  bool offered = false;
  std::thread([&] {
    const GivingWay giving_way;
    offered = busy_until_offered(20);
  }).join();
  CHECK(offered);
  CHECK(GivingWay::offers() == before);
}

TEST_CASE("an offer leaves errno as it was", "[giving_way]") {
  const GivingWay giving_way;
  errno = EDOM;
  const bool offered = busy_until_offered(5);
  const int error = errno;
  CHECK(offered);
  CHECK(error == EDOM);
}

}  // namespace
