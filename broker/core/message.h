// broker/core/message.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

#include "broker/core/ids.h"
#include "broker/core/shared_bytes.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A message's content as views: the form in which a PUBLISH is routed before it is kept.
///
/// Lifetime   Views into a receive buffer, a Message, or a will.
struct MessageView {
  std::string_view topic;
  mqtt::Bytes payload;
  mqtt::Bytes properties;  // as mqtt::forwarded_properties() made them
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::optional<Instant> expires;
};

/// A shard's knowledge of a message's place in the store.
struct StoreMark {
  MessageKey key{0};             // 0: not given yet
  std::uint32_t references = 0;  // stored deliveries and retained topics of this shard
  bool shared : 1 = false;       // other shards may store it too, under the same key
  // The store that this shard has given it to, if there are references: see
  // Ledger::begin_renewal().
  std::uint32_t renewal : 31 = 0;
};
static_assert(sizeof(StoreMark) == 16);

/// A message that outlives the turn it came in: queued, in flight, retained, on its way elsewhere.
///
/// Shape      Immutable. Its bytes (topic, properties, payload) stand in one block, either behind
///            this header in the same allocation, or in SharedBytes when another shard reads them
///            too; then each shard has a Message of its own over the same bytes. Where a journal is
///            kept, a StoreMark stands in front: [StoreMark][Message][bytes].
/// Lifetime   Counted by MessageRef, without atomics: a Message never leaves its shard.
/// Threads    None.
class Message {
 public:
  Message(const Message&) = delete;
  Message& operator=(const Message&) = delete;

  [[nodiscard]] std::string_view topic() const noexcept {
    return {reinterpret_cast<const char*>(bytes_), topic_size_};
  }
  [[nodiscard]] mqtt::Bytes properties() const noexcept {
    return {bytes_ + topic_size_, properties_size_};
  }
  [[nodiscard]] mqtt::Bytes payload() const noexcept {
    return {bytes_ + topic_size_ + properties_size_, payload_size_};
  }
  [[nodiscard]] mqtt::Qos qos() const noexcept { return qos_; }
  [[nodiscard]] bool retain() const noexcept { return retain_; }
  [[nodiscard]] std::optional<Instant> expires() const noexcept {
    if (expires_milliseconds_ == never) return std::nullopt;
    return Instant{expires_milliseconds_};
  }
  [[nodiscard]] bool expired(Instant now) const noexcept {
    return now.milliseconds >= expires_milliseconds_;
  }
  [[nodiscard]] MessageView view() const noexcept {
    return {topic(), payload(), properties(), qos_, retain_, expires()};
  }
  /// The mark of its place in the store; null if no journal is kept.
  [[nodiscard]] StoreMark* mark() const noexcept;
  /// Bytes that queues are charged for this message: topic, properties and payload.
  [[nodiscard]] std::size_t size_bytes() const noexcept {
    return std::size_t{topic_size_} + properties_size_ + payload_size_;
  }

 private:
  friend class MessageRef;
  static constexpr std::int64_t never = INT64_MAX;

  Message(const MessageView& view, bool marked) noexcept;
  static std::size_t bytes_of(const MessageView& view) noexcept;
  static void copy(const MessageView& view, std::byte* place) noexcept;

  const std::byte* bytes_ = nullptr;
  SharedBytes shared_;  // empty: the bytes stand behind this header
  std::int64_t expires_milliseconds_ = never;
  std::uint32_t references_ = 1;
  std::uint32_t payload_size_;
  std::uint32_t properties_size_;
  std::uint16_t topic_size_;
  mqtt::Qos qos_;
  bool retain_ : 1;
  bool marked_ : 1;  // a StoreMark stands in front
};

/// The bytes of a message in a form that other shards can take over; see MessageRef::adopt().
struct SharedMessage {
  SharedBytes bytes;  // [topic][properties][payload]
  std::uint32_t payload_size = 0;
  std::uint32_t properties_size = 0;
  std::uint16_t topic_size = 0;
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::optional<Instant> expires;
  MessageKey key{0};  // given by the shard that shares it, if a journal is kept

  /// Copies `view` into bytes that can be shared.
  [[nodiscard]] static SharedMessage copy_of(const MessageView& view);
  [[nodiscard]] MessageView view() const noexcept;
};

/// A counted hold on a Message; null when default-made.
class MessageRef {
 public:
  MessageRef() = default;
  /// Copies `view` into a new Message, with a StoreMark if it is `marked`.
  [[nodiscard]] static MessageRef copy_of(const MessageView& view, bool marked = false);
  /// Makes a Message over bytes that other shards read too; marked if `shared` has a key.
  [[nodiscard]] static MessageRef adopt(const SharedMessage& shared);

  ~MessageRef() {
    if (message_ != nullptr && --message_->references_ == 0) destroy(message_);
  }
  MessageRef(const MessageRef& other) noexcept : message_(other.message_) {
    if (message_ != nullptr) ++message_->references_;
  }
  MessageRef(MessageRef&& other) noexcept : message_(std::exchange(other.message_, nullptr)) {}
  MessageRef& operator=(const MessageRef& other) noexcept {
    MessageRef copy(other);
    std::swap(message_, copy.message_);
    return *this;
  }
  MessageRef& operator=(MessageRef&& other) noexcept {
    MessageRef moved(std::move(other));
    std::swap(message_, moved.message_);
    return *this;
  }

  [[nodiscard]] const Message& operator*() const noexcept {
    assert(message_ != nullptr);
    return *message_;
  }
  [[nodiscard]] const Message* operator->() const noexcept {
    assert(message_ != nullptr);
    return message_;
  }
  [[nodiscard]] explicit operator bool() const noexcept { return message_ != nullptr; }

 private:
  explicit MessageRef(Message* message) noexcept : message_(message) {}
  /// Allocates a Message, and `extra_bytes` behind it.
  static Message* make(const MessageView& view, bool marked, std::size_t extra_bytes);
  static void destroy(Message* message) noexcept;

  Message* message_ = nullptr;
};

inline StoreMark* Message::mark() const noexcept {
  if (!marked_) return nullptr;
  return reinterpret_cast<StoreMark*>(const_cast<Message*>(this)) - 1;
}

}  // namespace broker
