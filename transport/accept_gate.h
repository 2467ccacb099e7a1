// transport/accept_gate.h
#pragma once

#include <atomic>

namespace transport {

/// Whether new connections wait, at all loops: a reload holds them back, so that the new files
/// judge them.
///
/// Shape      hold() -> release() -> hold() ...
/// Threads    Any.
class AcceptGate {
 public:
  AcceptGate() = default;
  AcceptGate(const AcceptGate&) = delete;
  AcceptGate& operator=(const AcceptGate&) = delete;

  void hold() noexcept { held_.store(true, std::memory_order_release); }
  void release() noexcept { held_.store(false, std::memory_order_release); }
  /// Whether new connections wait: hold() was called, or SIGHUP has come and no thread has taken it
  /// yet.
  [[nodiscard]] bool is_shut() const noexcept;

 private:
  std::atomic<bool> held_{false};
};

}  // namespace transport
