// transport/event_loop.h
#pragma once

#include <cstdint>
#include <uv.h>

#include "broker/core/ids.h"
#include "transport/clock.h"

namespace transport {

/// libuv's side of a loop: the wait for sockets, the calls around it, and the time.
///
/// Shape      open() -> run(): prepare, the wait, callbacks of sockets, woke, prepare ... with a
/// tick
///            in between -> stop() -> close()
/// Units      Ticks are 100 ms apart.
/// Lifetime   The owner closes every other handle in the loop before close().
/// Threads    One at a time: run() is the loop's thread's, all else is for that, or for another
///            thread while run() is not called.
class EventLoop {
 public:
  /// Called with `owner`, on the thread that runs the loop.
  struct Calls {
    using Call = void (*)(void* owner);
    void* owner = nullptr;  // also the data of uv()
    Call tick = nullptr;
    Call prepare = nullptr;  // the loop is about to wait
    Call woke = nullptr;     // the wait and the callbacks behind it are over
  };

  EventLoop() = default;
  /// Requires  It was closed, or never opened.
  ~EventLoop();
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  /// Returns 0, or libuv's error.
  [[nodiscard]] int open(const Calls& calls);
  [[nodiscard]] bool is_open() const noexcept { return open_; }
  /// Runs until stop().
  void run();
  void stop() noexcept { uv_stop(&uv_); }
  /// Runs the loop until each handle in it has closed.
  void close();

  /// Whether the loop waits until something happens, or only looks. Said in Calls::prepare.
  void may_wait(bool wait) noexcept;

  [[nodiscard]] uv_loop_t* uv() noexcept { return &uv_; }
  /// The time at the last wait, sleep of the machine included: see Loops::now().
  [[nodiscard]] broker::Instant now() const noexcept {
    return {static_cast<std::int64_t>(uv_now(&uv_)) + slept_.milliseconds()};
  }
  /// Looks at the clock now, where a turn has stood still; now() is not before `earliest`, which
  /// another thread has read from a clock of its own.
  void catch_up(broker::Instant earliest) noexcept;
  /// The same without sleep: monotonic time.
  [[nodiscard]] broker::Instant awake_now() const noexcept {
    return {static_cast<std::int64_t>(uv_now(&uv_))};
  }

 private:
  uv_loop_t uv_{};
  uv_timer_t timer_{};
  uv_prepare_t prepare_{};
  uv_check_t check_{};
  uv_idle_t idle_{};  // active: do not wait, there is more to do
  Calls calls_;
  SleepClock slept_;
  bool open_ = false;
};

}  // namespace transport
