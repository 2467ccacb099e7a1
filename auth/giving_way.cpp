#include "auth/giving_way.h"

#include <atomic>
#include <cerrno>
#include <csignal>
#include <sched.h>
#include <unistd.h>

namespace auth {
namespace {

constexpr int signal_number = SIGURG;
constexpr long interval_ns = 1'000'000;

// Written by the signal of the thread that reads it.
thread_local std::atomic<std::uint64_t> offers_here{0};
thread_local std::atomic<std::uint64_t> offers_left{0};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

void offer(int /*number*/) {
  if (offers_left.load(std::memory_order_relaxed) == 0) return;
  const int error = errno;
  offers_left.fetch_sub(1, std::memory_order_relaxed);
  offers_here.fetch_add(1, std::memory_order_relaxed);
  ::sched_yield();
  errno = error;
}

bool install() {
  struct sigaction action{};
  action.sa_handler = offer;
  action.sa_flags = SA_RESTART;
  return ::sigaction(signal_number, &action, nullptr) == 0;
}

bool let_it_through() {
  sigset_t set{};
  ::sigemptyset(&set);
  ::sigaddset(&set, signal_number);
  return ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr) == 0;
}

}  // namespace

GivingWay::GivingWay() {
  static const bool installed = install();
  if (!installed || !let_it_through()) return;
  // A thread's own variable may be made when it is first touched: not in a signal.
  offers_here.fetch_add(0, std::memory_order_relaxed);
  offers_left.store(GivingWay::offers_max, std::memory_order_relaxed);
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = signal_number;
  event._sigev_un._tid = ::gettid();  // sigev_notify_thread_id: glibc has no name for it
  if (::timer_create(CLOCK_MONOTONIC, &event, &timer_) != 0) return;
  const itimerspec each{.it_interval = {.tv_sec = 0, .tv_nsec = interval_ns},
                        .it_value = {.tv_sec = 0, .tv_nsec = interval_ns}};
  ticking_ = ::timer_settime(timer_, 0, &each, nullptr) == 0;
  if (!ticking_) ::timer_delete(timer_);
}

GivingWay::~GivingWay() {
  if (ticking_) ::timer_delete(timer_);
}

std::uint64_t GivingWay::offers() noexcept { return offers_here.load(std::memory_order_relaxed); }

}  // namespace auth
