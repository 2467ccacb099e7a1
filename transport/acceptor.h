// transport/acceptor.h
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <uv.h>

#include "transport/listener.h"

namespace transport {

class Loop;

/// Accepts from one listening socket for one loop.
///
/// Lifetime   Its handle lives in the loop until close() and one more turn.
/// Threads    Its loop's only. Several loops accept from one socket, each through its own.
class Acceptor {
 public:
  Acceptor(Loop& loop, std::shared_ptr<Listener> listener, int socket) noexcept
      : loop_(loop), listener_(std::move(listener)), socket_(socket) {}
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  /// Returns 0, or libuv's error.
  [[nodiscard]] int open();
  void resume();
  void pause();
  /// Ends it, and calls `closed` when libuv has closed its handle: only then may it be destroyed.
  void close(std::function<void()> closed = {});
  /// Accepts the clients that have connected already: before the sockets are closed.
  void accept_last();
  [[nodiscard]] const std::shared_ptr<Listener>& listener() const noexcept { return listener_; }
  /// Whether a connection could be accepted without taking one of the last descriptors.
  [[nodiscard]] bool has_descriptor() const noexcept;

 private:
  void accept_some();
  /// Whether a connection was taken from the backlog and there may be more.
  [[nodiscard]] bool accept_one();

  Loop& loop_;
  std::shared_ptr<Listener> listener_;
  int socket_;
  uv_poll_t poll_{};
  std::function<void()> closed_;
};

}  // namespace transport
