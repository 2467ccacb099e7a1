// transport/nats/nats_receiver.h
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string_view>
#include <utility>

#include "broker/wire/bytes.h"
#include "transport/nats/nats_link.h"

namespace transport {

/// The user of a NatsLink, as long as there is one.
///
/// Invariant  Calls of the user never overlap; none begins after leave() has returned.
/// Lifetime   Callbacks of libnats may come late: they share it, and find that the user has left.
/// Threads    Any.
class NatsReceiver {
 public:
  explicit NatsReceiver(NatsUser& user) noexcept : user_(&user) {}

  /// Calls `call` with the user, unless it has left.
  template <typename Call>
  void tell(Call&& call) {
    const std::scoped_lock lock(mutex_);
    if (user_ != nullptr) std::forward<Call>(call)(*user_);
  }
  void received(std::string_view subject, mqtt::Bytes payload) {
    messages_.fetch_add(1, std::memory_order_relaxed);
    bytes_.fetch_add(payload.size(), std::memory_order_relaxed);
    tell([&](NatsUser& user) { user.nats_received(subject, payload); });
  }
  /// Waits for a call that goes on.
  void leave() {
    const std::scoped_lock lock(mutex_);
    user_ = nullptr;
  }

  [[nodiscard]] std::uint64_t messages() const noexcept {
    return messages_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }

 private:
  std::mutex mutex_;
  NatsUser* user_;  // under mutex_; null after leave()
  std::atomic<std::uint64_t> messages_{0};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace transport
