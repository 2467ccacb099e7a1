#pragma once

#include <cstdint>
#include <ctime>

namespace auth {

/// While one lives, its thread yields its core to any waiting thread, once a millisecond.
///
/// A loop that shares a core with a thread that hashes has priority, but the kernel decides about
/// the core only at each of its ticks. A hash that has the core would keep it until the next one:
/// 4 ms where there are 250 a second, longer than a loop may keep a client waiting. The library
/// that hashes cannot be asked to pause, so a timer signal does it.
/// On a machine that other programs keep busy each of them takes what is offered: a thread that
/// offered for ever took 20 s for a hash of 40 ms beside six of them. A hash is done before
/// offers_max, or has waited long enough: then it only has its low priority.
///
/// Invariant  The signal (SIGURG, which nothing else here sends, and which does nothing by default)
///            goes to this thread alone and only while the object lives. System calls are resumed.
/// Errors     None: without a timer the thread keeps its core as any other does.
/// Threads    Lives and dies in one thread, one at a time for each.
/// Source     sched_yield(2), timer_create(2).
class GivingWay {
 public:
  static constexpr std::uint64_t offers_max = 100;

  GivingWay();
  ~GivingWay();
  GivingWay(const GivingWay&) = delete;
  GivingWay& operator=(const GivingWay&) = delete;

  /// How often this thread has offered its core so far.
  [[nodiscard]] static std::uint64_t offers() noexcept;

 private:
  timer_t timer_{};
  bool ticking_ = false;
};

}  // namespace auth
