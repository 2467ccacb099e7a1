// transport/connection_count.h
#pragma once

#include <atomic>
#include <cstdint>

namespace transport {

/// How many connections there are, and whether one more may come in.
///
/// Threads    Any.
class ConnectionCount {
 public:
  /// `most` below 0 means no limit.
  explicit ConnectionCount(std::int64_t most) noexcept : most_(most) {}

  /// Counts one more, unless the limit is reached.
  [[nodiscard]] bool enter() noexcept {
    const std::int64_t before = count_.fetch_add(1, std::memory_order_relaxed);
    const std::int64_t most = this->most();
    if (most < 0 || before < most) return true;
    leave();
    return false;
  }
  void leave() noexcept { count_.fetch_sub(1, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t count() const noexcept {
    return count_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::int64_t most() const noexcept { return most_.load(std::memory_order_relaxed); }
  /// Sets another limit for new connections; existing ones stay.
  void set_most(std::int64_t most) noexcept { most_.store(most, std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> most_;
  alignas(64) std::atomic<std::int64_t> count_{0};
};

}  // namespace transport
