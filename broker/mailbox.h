// broker/mailbox.h
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "broker/core/ids.h"
#include "broker/interest.h"
#include "broker/peer.h"

namespace broker {

/// How much may wait in one direction between two shards.
struct MailboxLimits {
  /// From here on the sender stops reading its sockets until the receiver has made room.
  std::size_t full_messages = 8192;
  std::size_t full_bytes = std::size_t{16} << 20U;
  /// From here on publishes with QoS 0 are dropped, and counted.
  std::size_t drop_messages = 65'536;
  std::size_t drop_bytes = std::size_t{64} << 20U;
};

/// The mailboxes of a process: one for each ordered pair of shards.
///
/// Shape      mailbox(from, to) = control lane + data lane, each a batch behind a short lock: the
///            sender appends all it has for a peer once per turn, the receiver swaps the whole
///            batch out. A swap leaves the receiver's emptied vector behind, so that memory goes
///            round and nothing is allocated while the load is steady. One word per receiver has a
///            bit for each sender with mail: an empty mailbox costs one atomic load.
/// Invariant  FIFO per pair and lane. What one shard said on a control lane before another shard
///            put a message on a data lane is handled before that message (see drain()).
///            A message that may not be dropped is always taken: push() never leaves any behind.
///            What bounds the memory is that a sender whose mailbox is full() stops reading, so it
///            can exceed the limit by what it had read, and no more.
/// Threads    push() by the thread of `from`, drain() and the sleep calls by the thread of `to`.
class Mailboxes {
 public:
  explicit Mailboxes(std::uint32_t shards, const MailboxLimits& limits = {});
  ~Mailboxes();
  Mailboxes(const Mailboxes&) = delete;
  Mailboxes& operator=(const Mailboxes&) = delete;

  struct Pushed {
    bool wake = false;  // the receiver sleeps, or is about to: ring its bell
    bool full = false;  // stop reading until told that there is room
    std::size_t dropped = 0;
  };
  /// Moves all of `lanes`, in order, into the mailbox of `to`.
  ///
  /// Returns   full: the receiver will name `from` among the senders that drain() returns.
  [[nodiscard]] Pushed push(ShardIndex from, ShardIndex to, PeerOutbox::Lanes& lanes);

  /// Whether nothing waits for `to`: one load.
  [[nodiscard]] bool empty(ShardIndex to) const noexcept {
    return receivers_[static_cast<std::uint32_t>(to)].mail.load(std::memory_order_acquire) == 0;
  }

  /// Calls `handle(ShardIndex from, PeerMessage)` for what waits for `to`.
  ///
  /// Order     Data is taken from all senders first, then control; control is handled first. So a
  ///           join that was said anywhere before a publish was said anywhere else comes first.
  /// Returns   One bit per sender that found its mailbox full and now has room: wake them.
  template <typename Handle>
  [[nodiscard]] std::uint64_t drain(ShardIndex to, Handle&& handle);

  /// Said before `to` waits for events; false if mail came meanwhile: drain, and ask again.
  [[nodiscard]] bool may_sleep(ShardIndex to) noexcept;
  /// Said when `to` is back: no bell is needed.
  void awake(ShardIndex to) noexcept;

  /// Publishes dropped since start, over all mailboxes.
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

 private:
  struct alignas(64) Mailbox {
    std::mutex mutex;
    std::vector<PeerMessage> control;
    std::vector<PeerMessage> data;
    std::size_t data_bytes = 0;
    bool sender_waits = false;
  };
  struct alignas(64) Receiver {
    std::atomic<std::uint64_t> mail{0};  // one bit per sender
    std::atomic<bool> asleep{false};
    std::vector<std::vector<PeerMessage>> taken;  // per sender; the receiver's own
    std::vector<PeerMessage> taken_control;
  };

  Mailbox& mailbox(ShardIndex from, ShardIndex to) noexcept;
  std::size_t append_data(Mailbox& box, std::vector<PeerMessage>& messages);
  /// Swaps data out of the mailboxes named by `senders`; returns those whose sender waits.
  std::uint64_t take_data(ShardIndex to, std::uint64_t senders);
  void take_control(ShardIndex from, ShardIndex to);
  /// Empties a batch that was handled; keeps its memory for the next one unless that is much.
  static void forget(std::vector<PeerMessage>& batch);

  std::uint32_t shards_;
  MailboxLimits limits_;
  std::unique_ptr<Mailbox[]> mailboxes_;
  std::unique_ptr<Receiver[]> receivers_;
  alignas(64) std::atomic<std::uint64_t> dropped_{0};
};

/// Bytes of payload that a message is charged with.
[[nodiscard]] std::size_t payload_bytes(const PeerMessage& message) noexcept;

template <typename Handle>
std::uint64_t Mailboxes::drain(ShardIndex to, Handle&& handle) {
  Receiver& receiver = receivers_[static_cast<std::uint32_t>(to)];
  const std::uint64_t with_data = receiver.mail.exchange(0, std::memory_order_acq_rel);
  if (with_data == 0) return 0;
  const std::uint64_t waiting = take_data(to, with_data);
  // Read-modify-write sees the newest bits: whoever pushed before one of the data messages taken
  // above has set its bit.
  const std::uint64_t newer = receiver.mail.fetch_and(0, std::memory_order_acq_rel);
  for (std::uint32_t from = 0; from < shards_; ++from) {
    if (((with_data | newer) >> from & 1U) == 0) continue;
    take_control(ShardIndex{from}, to);
    for (PeerMessage& message : receiver.taken_control) {
      handle(ShardIndex{from}, std::move(message));
    }
    forget(receiver.taken_control);
  }
  if (newer != 0) receiver.mail.fetch_or(newer, std::memory_order_acq_rel);  // their data
  for (std::uint32_t from = 0; from < shards_; ++from) {
    for (PeerMessage& message : receiver.taken[from]) {
      handle(ShardIndex{from}, std::move(message));
    }
    forget(receiver.taken[from]);
  }
  return waiting;
}

}  // namespace broker
