// broker/mailbox.h
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>
#include <vector>

#include "broker/core/peer_id.h"
#include "broker/core/peer_set.h"
#include "broker/interest.h"
#include "broker/peer.h"

namespace broker {

/// How much may wait in one direction between two shards. A PublishBatch is one message here.
struct MailboxLimits {
  /// From here on the sender stops reading its sockets until the receiver has made room.
  std::size_t full_messages = 8192;
  std::size_t full_bytes = std::size_t{16} << 20U;
  /// Beyond these publishes with QoS 0 are dropped, and counted; but an empty mailbox takes any
  /// single message, however large.
  std::size_t drop_messages = 65'536;
  std::size_t drop_bytes = std::size_t{64} << 20U;
};

/// The mailboxes of a process: one for each ordered pair of shards. Links have none.
///
/// Shape      mailbox(from, to) = messages behind a short lock: the sender appends all it has for a
///            peer once per turn (a batch), the receiver swaps all of them out. A swap leaves the
///            receiver's emptied vector behind, so that memory goes round and nothing is allocated
///            while the load is steady. One word per receiver has a bit for each sender with mail:
///            an empty mailbox costs one atomic load.
///            Each batch draws a number from its receiver, and is handled by that number:
///                from shard 1: 7, 9
///                from shard 2: 8          shard 0 handles 7, 8, 9
/// Invariant  Cause before effect: if a batch was pushed, and another shard pushes because it was
///            told of that, the first is handled before the second. So a publish never overtakes
///            the subscription that was acknowledged before it, nor the other way round.
///            A message that may not be dropped is always taken: push() never leaves any behind.
///            The memory is bounded because a sender stops reading while its mailbox is full(): it
///            can exceed the limit by the bytes that it had read, and no more. A shard drains its
///            own mailboxes all the same, so two full ones never wait for each other.
/// Threads    push() by the thread of `from`, drain() and the sleep calls by the thread of `to`.
class Mailboxes final {
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
  /// Moves all of `messages`, in order, into the mailbox of `to`.
  ///
  /// `begun_microseconds`: when the input came that caused them, by the sender's clock, for
  /// take_begun(); 0: that is not measured.
  /// Returns   full: the receiver will name `from` among the senders that drain() returns.
  [[nodiscard]] Pushed push(PeerId from, PeerId to, std::vector<PeerMessage>& messages,
                            std::int64_t begun_microseconds = 0);

  /// Whether nothing waits for `to`: one load.
  [[nodiscard]] bool empty(PeerId to) const noexcept {
    return receivers_[static_cast<std::uint32_t>(to)].mail.load(std::memory_order_acquire) == 0;
  }

  /// Calls `handle(PeerId from, PeerMessage)` for each message that waits for `to`.
  ///
  /// Order     By batch number: see the invariant.
  /// Returns   The senders that found their mailbox full and now have room: wake them.
  template <typename Handle>
  [[nodiscard]] PeerSet drain(PeerId to, Handle&& handle);

  /// The earliest beginning of the batches that drain() took since the last call; 0: none of them
  /// is measured. For the thread of `to`.
  [[nodiscard]] std::int64_t take_begun(PeerId to) noexcept {
    return std::exchange(receivers_[static_cast<std::uint32_t>(to)].begun_microseconds, 0);
  }

  /// Said before `to` waits for events; false if mail came meanwhile: drain, and ask again.
  [[nodiscard]] bool may_sleep(PeerId to) noexcept;
  /// Said when `to` is back: no bell is needed.
  void awake(PeerId to) noexcept;

  /// Messages that wait, in all mailboxes. Safe from any thread.
  ///
  /// Cost      A lock for each mailbox.
  [[nodiscard]] std::size_t waiting() const noexcept;
  /// Publishes dropped since start, over all mailboxes.
  [[nodiscard]] std::uint64_t dropped() const noexcept {
    return dropped_.load(std::memory_order_relaxed);
  }

 private:
  struct Batch {
    std::uint64_t number;
    std::size_t end;  // the batch ends before this message of the mailbox
    std::int64_t begun_microseconds;
  };
  struct Contents {
    std::vector<PeerMessage> messages;
    std::vector<Batch> batches;
  };
  struct alignas(64) Mailbox {
    std::mutex mutex;
    Contents contents;
    std::size_t bytes = 0;
    bool sender_waits = false;
  };
  struct Taken : Contents {  // on its way through the receiver
    std::size_t batch = 0;
    std::size_t message = 0;
  };
  struct alignas(64) Receiver {
    std::atomic<std::uint64_t> mail{0};          // one bit per sender
    std::atomic<std::uint64_t> batch_number{0};  // the last one drawn
    std::atomic<bool> asleep{false};
    // The receiver's own.
    std::vector<Taken> taken;  // per sender
    std::int64_t begun_microseconds = 0;
  };

  Mailbox& mailbox(PeerId from, PeerId to) noexcept;
  std::size_t append(Mailbox& box, std::vector<PeerMessage>& messages);
  /// Takes all batches up to the newest out of the mailboxes of `to`; returns the senders they came
  /// from, and those that wait for room.
  struct Senders {
    PeerSet taken;
    PeerSet waiting;
  };
  Senders take(PeerId to);
  /// Moves the batches of `box` up to `last` to `taken`. Returns whether newer ones are left.
  static bool take_up_to(std::uint64_t last, Mailbox& box, Taken& taken);
  /// The sender of the batch with the lowest number; nothing when all are handled.
  [[nodiscard]] std::optional<PeerId> next_sender(const Receiver& receiver,
                                                  PeerSet senders) const noexcept;
  static void note_begun(Receiver& receiver, const Batch& batch) noexcept {
    if (batch.begun_microseconds == 0) return;
    std::int64_t& begun = receiver.begun_microseconds;
    begun = begun == 0 ? batch.begun_microseconds : std::min(begun, batch.begun_microseconds);
  }
  /// Empties a batch that was handled; keeps its memory for the next one unless that is much.
  static void forget(Taken& taken);

  std::uint32_t shards_;
  MailboxLimits limits_;
  std::unique_ptr<Mailbox[]> mailboxes_;
  std::unique_ptr<Receiver[]> receivers_;
  alignas(64) std::atomic<std::uint64_t> dropped_{0};
};

/// Bytes of payload that a message is charged with.
[[nodiscard]] std::size_t payload_bytes(const PeerMessage& message) noexcept;

template <typename Handle>
PeerSet Mailboxes::drain(PeerId to, Handle&& handle) {
  if (empty(to)) return {};
  Receiver& receiver = receivers_[static_cast<std::uint32_t>(to)];
  const Senders senders = take(to);
  while (const std::optional<PeerId> from = next_sender(receiver, senders.taken)) {
    Taken& taken = receiver.taken[static_cast<std::uint32_t>(*from)];
    const Batch& batch = taken.batches[taken.batch++];
    note_begun(receiver, batch);
    const std::size_t end = batch.end;
    while (taken.message < end) {
      handle(*from, std::move(taken.messages[taken.message++]));
    }
  }
  for (Taken& taken : receiver.taken) forget(taken);
  return senders.waiting;
}

}  // namespace broker
