// transport/peer_mail.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

#include "broker/core/peer_id.h"
#include "broker/core/peer_set.h"
#include "broker/mailbox.h"
#include "broker/peer.h"
#include "transport/loop_door.h"

namespace transport {

/// The mail of one loop: messages of its shard to the other shards, and theirs to it.
///
/// Shape      A turn is: awake() -> receive() -> send() -> may_sleep().
/// Invariant  While a peer is full, nothing may be read that could make more messages to it. The
///            loop's own mail is received all the same, so that two full loops never wait for each
///            other.
/// Threads    Its loop's only.
class PeerMail {
 public:
  PeerMail(broker::Mailboxes& mailboxes, std::span<LoopDoor> doors, broker::PeerId own) noexcept
      : mailboxes_(mailboxes), doors_(doors), own_(own) {}
  PeerMail(const PeerMail&) = delete;
  PeerMail& operator=(const PeerMail&) = delete;

  /// Whether there is no other shard.
  [[nodiscard]] bool alone() const noexcept { return doors_.size() == 1; }
  /// Whether messages of other shards wait: at most one load.
  [[nodiscard]] bool waits() const noexcept { return !alone() && !mailboxes_.empty(own_); }
  /// Whether a peer has no room for more.
  [[nodiscard]] bool has_full_peer() const noexcept { return !full_peers_.empty(); }

  /// Moves the messages of `outbox` to their receivers, and wakes those that sleep.
  ///
  /// `begun_microseconds`: when the input of this turn came, if the turn is measured; else 0.
  /// Returns   How many were dropped because a mailbox is full.
  [[nodiscard]] std::size_t send(broker::PeerOutbox& outbox, std::int64_t begun_microseconds);
  /// Calls `handle(PeerId from, PeerMessage)` for each message that waits, and tells senders that
  /// found their mailbox full that it has room.
  template <typename Handle>
  void receive(Handle&& handle) {
    if (waits()) give_room(mailboxes_.drain(own_, std::forward<Handle>(handle)));
  }

  /// When the earliest input came that the messages of receive() since the last call come from; 0:
  /// it is not measured.
  [[nodiscard]] std::int64_t take_begun() noexcept {
    return alone() ? 0 : mailboxes_.take_begun(own_);
  }

  /// To be called when the bell has rung: looks for peers that have room again.
  void awake() noexcept;
  /// Said before the loop waits for events; false if mail came meanwhile.
  [[nodiscard]] bool may_sleep() noexcept { return alone() || mailboxes_.may_sleep(own_); }

 private:
  void give_room(broker::PeerSet senders) noexcept;

  broker::Mailboxes& mailboxes_;
  std::span<LoopDoor> doors_;  // of all loops
  broker::PeerId own_;
  broker::PeerSet full_peers_;  // those without room
};

}  // namespace transport
