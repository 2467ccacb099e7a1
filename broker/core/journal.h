// broker/core/journal.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "broker/core/ids.h"
#include "broker/wire/bytes.h"
#include "broker/wire/protocol.h"

namespace broker {

/// How sure an acknowledgement is.
enum class Durability : std::uint8_t {
  none,     ///< nothing is stored
  relaxed,  ///< acknowledged at once, stored within a second
  commit,   ///< acknowledged when it is on disk
};

/// The rows that a shard wants stored, or gets back when it starts: rows of one transaction.
///
/// Shape      One list per kind of row. Texts and payloads stand in `bytes`; a Text is a part of
///            it. To be applied in the order of the lists below: a row comes after those that it
///            refers to. Within `subscriptions` a later row replaces an earlier one.
/// Invariant  A row holds a state, not a change, and changes that cancelled out since the last
///            batch have no row: a message that everybody has acknowledged by now is in no list.
/// Lifetime   A value without pointers: it may cross to another thread.
/// Units      Instants are those of the shard's host.
struct JournalBatch {
  struct Text {
    std::size_t offset = 0;
    std::size_t size_bytes = 0;
  };

  /// A message that deliveries and retained topics refer to, once however many do.
  struct Message {
    MessageKey key{0};
    bool shared = false;  // other shards may store and drop it too
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    std::optional<Instant> expires;
    Text topic;
    Text properties;  // as mqtt::forwarded_properties() made them
    Text payload;
  };

  /// A will; `topic` is empty if there is none.
  struct Will {
    Text topic;
    Text properties;
    Text payload;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    std::uint32_t delay_interval_seconds = 0;
    std::optional<std::uint32_t> message_expiry_interval_seconds;
    std::optional<Instant> due;  // while its delay runs
  };

  struct Session {
    SessionKey key{0};
    Text client_id;
    Text user_name;
    Text mount_point;
    std::uint16_t listener = 0;
    mqtt::Version version = mqtt::Version::v5_0;
    bool from_bridge = false;
    bool connected = false;
    std::uint32_t expiry_interval_seconds = 0;
    std::optional<Instant> expires;  // away, and not for ever
    std::uint64_t sent_end = 0;      // deliveries below this number may have been sent
    Will will;
  };

  struct Subscription {
    SessionKey session{0};
    Text share_name;  // empty: not shared
    Text filter;      // mount point in front
    bool present = false;
    std::uint32_t subscription_identifier = 0;
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool no_local = false;
    bool retain_as_published = false;
  };

  /// A delivery is named by its session and its number there.
  struct DeliveryName {
    SessionKey session{0};
    std::uint64_t number = 0;
  };

  struct Delivery {
    DeliveryName name;
    MessageKey message{0};  // 0: released
    mqtt::Qos qos = mqtt::Qos::at_most_once;
    bool retain = false;
    bool released = false;          // QoS 2: PUBREC has come
    Text subscription_identifiers;  // four bytes each, the lowest first
    Text share_name;                // of the shared subscription it came by; empty: none
    Text share_filter;
  };

  /// A QoS 2 identifier that a client has used and not released. Later rows replace earlier ones.
  struct Incoming {
    SessionKey session{0};
    mqtt::PacketId packet_id{0};
    bool present = false;
  };

  struct Retained {
    Text topic;
    MessageKey message{0};  // 0: nothing is retained any more
    Text client_id;         // of the publisher; empty: the broker itself
    Text user_name;
    std::uint16_t listener = 0;
  };

  /// A message from one shard to another, stored together with the changes that caused it; the
  /// other shard stores its end together with the changes that follow from it. So each happens
  /// once, even if the process ends in between.
  struct Forward {
    ForwardKey key{0};
    MessageKey message{0};
    // Its receivers: the groups and sessions at home on shard `to` of `shards`, or one group.
    std::uint32_t to = 0;
    std::uint32_t shards = 0;
    std::uint64_t home_key[2] = {0, 0};
    Text share_name;  // of the one group; empty: for all
    Text share_filter;
    // For the retained messages: its stamp and its publisher.
    std::uint64_t retain_count = 0;  // of its RetainStamp
    Text client_id;                  // of the publisher; empty: the broker itself
    Text user_name;
    std::uint16_t listener = 0;
  };

  std::vector<Session> sessions;
  std::vector<Subscription> subscriptions;
  std::vector<Message> messages;
  std::vector<Delivery> deliveries;
  std::vector<DeliveryName> released;  // of those stored before: PUBREC has come
  std::vector<DeliveryName> finished;  // of those stored before
  std::vector<Incoming> incoming;
  std::vector<Retained> retained;
  std::vector<Forward> forwards;
  std::vector<ForwardKey> arrived;           // at this shard
  std::vector<SessionKey> ended_sessions;    // with all that is theirs, of this batch too
  std::vector<MessageKey> dropped_messages;  // no row of this shard refers to them any more
  mqtt::ByteBuffer bytes;
  std::uint64_t position = 0;  // how much of the shard's history this brings on disk
  // For is_portion(); a test may want less.
  std::size_t portion_rows = 1000;
  std::size_t portion_bytes = std::size_t{256} << 10U;

  [[nodiscard]] Text put(mqtt::Bytes data) {
    const Text text{bytes.size(), data.size()};
    bytes.append(data);
    return text;
  }
  [[nodiscard]] Text put(std::string_view data) { return put(mqtt::as_bytes(data)); }
  [[nodiscard]] mqtt::Bytes data(const Text& text) const noexcept {
    return bytes.view().subspan(text.offset, text.size_bytes);
  }
  [[nodiscard]] std::string_view text(const Text& text) const noexcept {
    return mqtt::as_text(data(text));
  }
  /// Whether it is as large as one turn of a loop should make it: see RenewalWalk.
  [[nodiscard]] bool is_portion() const noexcept {
    return size() >= portion_rows || bytes.size() >= portion_bytes;
  }
  /// Rows of all kinds.
  [[nodiscard]] std::size_t size() const noexcept {
    return ended_sessions.size() + sessions.size() + subscriptions.size() + messages.size() +
           deliveries.size() + released.size() + finished.size() + incoming.size() +
           retained.size() + forwards.size() + arrived.size() + dropped_messages.size();
  }
};

}  // namespace broker
