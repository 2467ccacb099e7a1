// broker/core/retained.h
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/core/due_queue.h"
#include "broker/core/ids.h"
#include "broker/core/level_tree.h"
#include "broker/core/message.h"
#include "broker/core/retain_stamp.h"
#include "broker/core/slab.h"
#include "broker/wire/topic.h"

namespace broker {

/// The retained message of each topic (section 3.3.1.3): every shard has a full replica.
///
/// Shape      A LevelTree of topic names; one record per topic; and the expiring messages and
///            tombstones, in the order of time.
/// Invariant  Replicas that saw the same updates, in any order, hold the same messages: an update
///            with a stamp older than the topic's is ignored, and a removal leaves its stamp behind
///            (a tombstone) until sweep() drops it.
/// Threads    None.
class Retained {
 public:
  struct Record {
    MessageRef message;  // null: a tombstone
    RetainStamp stamp;
    std::shared_ptr<const Publisher> publisher;  // may be null (the broker itself)
    Instant removed;                             // tombstones: since when
    std::uint64_t update = 0;  // counts the updates of this replica: see RetainedWalk
  };

  Retained();
  ~Retained();
  Retained(const Retained&) = delete;
  Retained& operator=(const Retained&) = delete;

  /// Stores the message as its topic's [MQTT-3.3.1-5], replacing an earlier one.
  /// Returns   False if the topic has a newer stamp; nothing is changed then.
  bool store(MessageRef message, RetainStamp stamp, std::shared_ptr<const Publisher> publisher);

  /// Removes the topic's message: a retained publish without payload does [MQTT-3.3.1-6].
  /// `keep_tombstone` is false when there is only one shard.
  bool remove(std::string_view topic, RetainStamp stamp, Instant now, bool keep_tombstone);

  /// Calls `visit(const Record&)` for each message (no tombstones, nothing expired) with a topic
  /// that matches `filter`; leading wildcards hide '$' topics [MQTT-4.7.2-1].
  /// Requires  `visit` leaves this store alone.
  /// Cost      The part of the tree that can match: RetainedWalk, which defines this, does it in
  ///           parts.
  template <typename Visit>
  void match(std::string_view filter, Instant now, Visit&& visit);

  /// Calls `visit(const Record&)` for each message, expired or not.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::uint32_t index = 1; index < nodes_.size(); ++index) {
      if (nodes_[index] == LevelTree::none) continue;
      if (const Record& record = records_[index]; record.message) visit(record);
    }
  }

  /// Places of the store, for a walk in steps with changes between them: each has a message, or
  /// null. A message keeps its place.
  [[nodiscard]] std::size_t places() const noexcept { return nodes_.size(); }
  [[nodiscard]] const Record* at_place(std::size_t place) const noexcept {
    assert(place < nodes_.size());
    const auto index = static_cast<std::uint32_t>(place);
    if (index == 0 || nodes_[index] == LevelTree::none) return nullptr;
    const Record& record = records_[index];
    return record.message ? &record : nullptr;
  }

  /// The record of exactly this topic, or null if it has no message.
  [[nodiscard]] const Record* find(std::string_view topic) const noexcept;

  /// Removes expired messages, and tombstones older than a minute, oldest first: `records_max` of
  /// them at most, the others by the next call. Calls `expires(const Record&)` for each message
  /// that is about to go. `keep_tombstones` is false when there is only one shard.
  ///
  /// Cost      That of the due records.
  template <typename Expires>
  bool sweep(Instant now, std::size_t records_max, bool keep_tombstones, Expires&& expires);
  /// Messages that expire one day, and tombstones.
  [[nodiscard]] std::size_t timed() const noexcept { return due_.size(); }

  /// Messages (not tombstones), and the bytes of their topics, properties and payloads.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] std::size_t size_bytes() const noexcept { return size_bytes_; }
  /// Nodes of the tree, its root counted: memory follows them.
  [[nodiscard]] std::size_t nodes() const noexcept { return tree_.size(); }

 private:
  friend class RetainedWalk;

  /// The record of a node, or null if it has no message or that has expired.
  [[nodiscard]] const Record* message_at(LevelTree::NodeIndex node, Instant now) const noexcept;
  /// The record of a topic, made (as a tombstone older than anything) if it is not there.
  std::uint32_t record_of(std::string_view topic);
  void bury(std::uint32_t index, Instant now);
  /// Whether it is a tombstone that has served its time.
  [[nodiscard]] static bool stale(const Record& record, Instant now) noexcept {
    return !record.message && now >= end_of(record);
  }
  /// When a tombstone has served its time.
  [[nodiscard]] static Instant end_of(const Record& tombstone) noexcept;
  void forget_message(Record& record);
  void drop(std::uint32_t index);

  LevelTree tree_;
  Slab<Record> records_;                     // by the tree's value; [0] is unused
  std::vector<LevelTree::NodeIndex> nodes_;  // of each record; none if it is free
  DueQueue due_;                             // of records
  std::uint64_t updates_ = 0;
  std::size_t size_ = 0;
  std::size_t size_bytes_ = 0;
};

template <typename Expires>
bool Retained::sweep(Instant now, std::size_t records_max, bool keep_tombstones,
                     Expires&& expires) {
  for (std::size_t i = 0; i < records_max; ++i) {
    const std::optional<std::uint32_t> index = due_.pop(now);
    if (!index) return false;
    if (nodes_[*index] == LevelTree::none) continue;  // removed before its time
    const Record& record = records_[*index];
    if (record.message && record.message->expired(now)) {
      expires(record);
      if (keep_tombstones) {
        bury(*index, now);  // an older update may still be on its way
      } else {
        drop(*index);
      }
    } else if (record.message) {
      if (const auto due = record.message->expires()) due_.schedule(*index, *due);
    } else if (stale(record, now)) {
      drop(*index);
    } else {
      due_.schedule(*index, end_of(record));
    }
  }
  return true;
}

}  // namespace broker
