#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <span>
#include <sys/epoll.h>

#include "tools/socket/descriptor.h"

namespace sockets {

/// Waits for many sockets at once: epoll, level-triggered.
///
/// Lifetime   Knows a socket by the pointer that it was added with; a socket that is closed is
///            forgotten, but events of the same wait() may still name its pointer.
class Poller {
 public:
  enum class For : std::uint32_t { input = EPOLLIN, input_and_output = EPOLLIN | EPOLLOUT };

  Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}

  void add(int socket, void* owner, For what = For::input) const {
    control(EPOLL_CTL_ADD, socket, owner, what);
  }
  void change(int socket, void* owner, For what) const {
    control(EPOLL_CTL_MOD, socket, owner, what);
  }

  /// Waits until something happens or the time is over; a negative time never is.
  ///
  /// Returns   The events; empty after the time, or after a signal.
  [[nodiscard]] std::span<const epoll_event> wait(std::int64_t nanoseconds) {
    constexpr std::int64_t second = 1'000'000'000;
    const timespec time{.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
    const int count =
        ::epoll_pwait2(epoll_.number(), events_.data(), static_cast<int>(events_.size()),
                       nanoseconds < 0 ? nullptr : &time, nullptr);
    return {events_.data(), count < 0 ? 0U : static_cast<std::size_t>(count)};
  }

 private:
  void control(int what, int socket, void* owner, For events) const {
    epoll_event event{.events = static_cast<std::uint32_t>(events), .data = {.ptr = owner}};
    ::epoll_ctl(epoll_.number(), what, socket, &event);
  }

  Descriptor epoll_;
  std::array<epoll_event, 1024> events_{};
};

}  // namespace sockets
