#include "transport/event_loop.h"

#include <cassert>

namespace transport {

namespace {

constexpr std::uint64_t tick_milliseconds = 100;

}  // namespace

EventLoop::~EventLoop() { assert(!open_); }

int EventLoop::open(const Calls& calls) {
  assert(!open_);
  if (const int error = uv_loop_init(&uv_); error != 0) return error;
  open_ = true;
  calls_ = calls;
  uv_.data = calls.owner;
  timer_.data = prepare_.data = check_.data = idle_.data = this;
  uv_timer_init(&uv_, &timer_);
  uv_prepare_init(&uv_, &prepare_);
  uv_check_init(&uv_, &check_);
  uv_idle_init(&uv_, &idle_);
  const auto tick = [](uv_timer_t* timer) {
    EventLoop& self = *static_cast<EventLoop*>(timer->data);
    self.slept_.look();
    self.calls_.tick(self.calls_.owner);
  };
  uv_timer_start(&timer_, tick, tick_milliseconds, tick_milliseconds);
  uv_prepare_start(&prepare_, [](uv_prepare_t* handle) {
    const Calls& told = static_cast<EventLoop*>(handle->data)->calls_;
    told.prepare(told.owner);
  });
  // After the callbacks of a wait: their time is still the loop's.
  uv_check_start(&check_, [](uv_check_t* handle) {
    const Calls& told = static_cast<EventLoop*>(handle->data)->calls_;
    told.woke(told.owner);
  });
  return 0;
}

void EventLoop::run() {
  assert(open_);
  uv_run(&uv_, UV_RUN_DEFAULT);
}

void EventLoop::may_wait(bool wait) noexcept {
  assert(open_);
  if (wait) {
    uv_idle_stop(&idle_);
  } else {
    uv_idle_start(&idle_, [](uv_idle_t*) {});
  }
}

void EventLoop::catch_up(broker::Instant earliest) noexcept {
  assert(open_);
  uv_update_time(&uv_);
  slept_.catch_up(awake_now().milliseconds, earliest.milliseconds);
}

void EventLoop::close() {
  if (!open_) return;
  for (uv_handle_t* handle :
       {reinterpret_cast<uv_handle_t*>(&timer_), reinterpret_cast<uv_handle_t*>(&prepare_),
        reinterpret_cast<uv_handle_t*>(&check_), reinterpret_cast<uv_handle_t*>(&idle_)}) {
    uv_close(handle, nullptr);
  }
  uv_run(&uv_, UV_RUN_DEFAULT);
  const int error = uv_loop_close(&uv_);
  assert(error == 0);
  static_cast<void>(error);
  open_ = false;
}

}  // namespace transport
