#include "transport/accept_gate.h"

#include <catch2/catch.hpp>
#include <csignal>
#include <pthread.h>

namespace {

using transport::AcceptGate;

TEST_CASE("connections wait from hold() to release()", "[accept_gate]") {
  AcceptGate gate;
  CHECK_FALSE(gate.is_shut());
  gate.hold();
  CHECK(gate.is_shut());
  gate.release();
  CHECK_FALSE(gate.is_shut());
}

TEST_CASE("connections wait while SIGHUP is pending, before any thread has taken it",
          "[accept_gate]") {
  sigset_t hangup;
  sigset_t before;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  REQUIRE(pthread_sigmask(SIG_BLOCK, &hangup, &before) == 0);
  AcceptGate gate;
  CHECK_FALSE(gate.is_shut());
  REQUIRE(pthread_kill(pthread_self(), SIGHUP) == 0);
  CHECK(gate.is_shut());
  int taken = 0;
  REQUIRE(sigwait(&hangup, &taken) == 0);
  CHECK_FALSE(gate.is_shut());
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

}  // namespace
