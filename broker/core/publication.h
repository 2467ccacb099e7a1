// broker/core/publication.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "broker/core/delivery.h"
#include "broker/core/ids.h"
#include "broker/core/message.h"
#include "broker/core/outbox.h"
#include "broker/wire/protocol.h"

namespace broker {

/// A message while it is delivered: packets and copies made for one receiver serve the next.
///
/// Lifetime   One turn; `view` outlives it.
struct Publication {
  Publication(const MessageView& message, Instant time, std::size_t receiver_count)
      : view(message), now(time), receivers(receiver_count) {}

  /// The owner of the payload until it is written: none if it may be borrowed.
  const MessageRef& keeper() {
    if (!kept && !lendable) keep();
    return kept;
  }

  /// The message as something that can be kept: copied when first asked for.
  const MessageRef& keep() {
    if (kept) return kept;
    kept = shared != nullptr ? MessageRef::adopt(*shared) : MessageRef::copy_of(view, marked);
    return kept;
  }

  /// The memory that it takes in this shard, at most: the copy, and a delivery for each receiver.
  [[nodiscard]] std::size_t kept_bytes() const noexcept {
    if (!kept) return 0;
    return sizeof(Message) + receivers * sizeof(Delivery) +
           (shared != nullptr ? 0 : kept->size_bytes());
  }

  MessageView view;
  Instant now;
  std::size_t receivers;
  MessageRef kept;
  const SharedMessage* shared = nullptr;  // the same bytes, if other shards get them too
  bool marked = false;                    // a journal is kept: see StoreMark
  bool lendable = false;  // `view` stands in bytes being received: see Outbox::borrows()

  /// Where the packet of one kind of receiver (version, QoS, retain flag) was encoded first.
  struct Encoded {
    Output* output;
    std::size_t offset;
    std::size_t size_bytes;
    std::size_t packet_id_offset;  // 0: it has none
    bool spliced;
  };
  static constexpr std::size_t kinds = 12;
  [[nodiscard]] bool has_encoded(std::size_t kind) const noexcept {
    return (encoded_kinds >> kind & 1U) != 0;
  }
  void note_encoded(std::size_t kind, const Encoded& where) noexcept {
    encoded[kind] = where;
    encoded_kinds = static_cast<std::uint16_t>(encoded_kinds | 1U << kind);
  }
  std::uint16_t encoded_kinds = 0;     // a bit for each kind
  std::array<Encoded, kinds> encoded;  // not set without its bit: to clear it would show
};

/// How one message goes to one session.
struct Terms {
  mqtt::Qos qos = mqtt::Qos::at_most_once;
  bool retain = false;
  std::uint32_t membership = 0;
  std::span<const std::uint32_t> subscription_identifiers;
  bool queue_always = false;  // retained messages for a new subscription: see has_room()
};

}  // namespace broker
