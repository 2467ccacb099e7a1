// broker/publish_batch.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <optional>

#include "broker/core/message.h"
#include "broker/wire/bytes.h"

namespace broker {

/// Small messages with QoS 0 that change nothing retained, on their way to another shard: most
/// messages between shards, in one run of bytes.
///
/// Shape      [head][topic][properties][payload] [head][topic][properties][payload] ...
/// Lifetime   The views that for_each() gives point into the batch.
/// Cost       A copy in and none out; nothing is allocated or counted for each message, and the
///            receiving processor reads the bytes in order.
/// Threads    None; a batch moves as a whole.
class PublishBatch final {
 public:
  /// Whether a message is of the kind that goes into batches.
  [[nodiscard]] static bool takes(const MessageView& message) noexcept {
    return message.qos == mqtt::Qos::at_most_once && !message.retain &&
           size_of(message) <= message_bytes_max;
  }
  [[nodiscard]] bool has_room_for(const MessageView& message) const noexcept {
    return bytes_.size() + size_of(message) <= bytes_max;
  }
  /// Requires  takes() and has_room_for() it.
  void append(const MessageView& message);
  /// Calls `visit(const MessageView&)` for each message, in order.
  template <typename Visit>
  void for_each(Visit&& visit) const;

  /// Messages.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return bytes_.size(); }

 private:
  static constexpr std::size_t message_bytes_max = 1024;
  static constexpr std::size_t bytes_max = 16'384;
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  /// Stands in the bytes as it is: sender and receiver are one program.
  struct Head {
    std::int64_t expires_milliseconds = never;
    std::uint16_t topic_size = 0;
    std::uint16_t properties_size = 0;
    std::uint16_t payload_size = 0;
  };
  [[nodiscard]] static std::size_t size_of(const MessageView& message) noexcept {
    return sizeof(Head) + message.topic.size() + message.properties.size() + message.payload.size();
  }

  static_assert(message_bytes_max <= bytes_max);
  static_assert(message_bytes_max <= std::numeric_limits<std::uint16_t>::max());  // sizes of Head

  mqtt::ByteBuffer bytes_;
  std::size_t size_ = 0;
};

template <typename Visit>
void PublishBatch::for_each(Visit&& visit) const {
  mqtt::Bytes rest = bytes_.view();
  const auto take = [&rest](std::size_t count) {
    assert(count <= rest.size());
    const mqtt::Bytes taken = rest.first(count);
    rest = rest.subspan(count);
    return taken;
  };
  while (!rest.empty()) {
    Head head;
    std::memcpy(&head, take(sizeof head).data(), sizeof head);
    MessageView message;
    message.topic = mqtt::as_text(take(head.topic_size));
    message.properties = take(head.properties_size);
    message.payload = take(head.payload_size);
    if (head.expires_milliseconds != never) message.expires = Instant{head.expires_milliseconds};
    visit(message);
  }
}

}  // namespace broker
