// transport/nats/nats_outbox.h
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string_view>

#include "broker/wire/bytes.h"

namespace transport {

/// Published messages on their way to the thread that sends them.
///
/// Shape      Two runs of bytes: publishers append to one, the sender reads the other, and takes
///            the first one when it is through. A message is
///            [bytes of subject:4][bytes of payload:4][subject]['\0'][payload]
/// Invariant  A message is queued while fewer than `bytes_max` bytes wait, so that at most one
///            message goes beyond that.
/// Threads    add(), bytes() and is_full(): any. The rest: the sender's.
class NatsOutbox {
 public:
  explicit NatsOutbox(std::size_t bytes_max) noexcept : bytes_max_(bytes_max) {}

  struct Added {
    bool queued = false;    // false: there was no room
    bool has_room = false;  // for another one
    bool wake = false;      // the sender rests: it has to be woken
  };
  Added add(std::string_view subject, mqtt::Bytes payload);

  /// A message, and the subject as C has it. Both hold until pop().
  struct Message {
    const char* subject = nullptr;
    mqtt::Bytes payload;
  };
  /// The oldest message.
  [[nodiscard]] std::optional<Message> front();
  /// Drops it.
  ///
  /// Returns   Whether there is room again, after add() had none.
  [[nodiscard]] bool pop();
  /// The sender is going to wait: add() says from now on that it has to be woken.
  ///
  /// Returns   False if there is a message.
  [[nodiscard]] bool rest();

  [[nodiscard]] std::size_t bytes() const noexcept {
    return bytes_.load(std::memory_order_relaxed);
  }

 private:
  const std::size_t bytes_max_;
  std::atomic<std::size_t> bytes_{0};  // of both runs
  std::atomic<bool> was_full_{false};

  std::mutex mutex_;          // guards these
  mqtt::ByteBuffer arrived_;  // what publishers append
  bool resting_ = false;

  mqtt::ByteBuffer leaving_;  // what the sender reads
  std::size_t read_ = 0;      // bytes of it that are sent
};

}  // namespace transport
