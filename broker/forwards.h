// broker/forwards.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "broker/core/holdings.h"
#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/core/ledger.h"
#include "broker/core/message.h"
#include "broker/core/ring.h"
#include "broker/core/sender.h"
#include "broker/peer.h"

namespace broker {

struct ShardOptions;

/// Sends messages of clients to other shards: no message is lost if the process ends, and none is
/// handled twice.
///
/// Shape      A message takes one of three ways, by the retransmission that it would have if the
///            process ended before the other shard has stored it.
///            None is needed (QoS 0, figures of $SYS): it leaves at once.
///            Its client retransmits until it has an acknowledgement: the message leaves at once
///            with a ConfirmRequest, and the acknowledgement waits for Confirmed (Holdings).
///            No client retransmits, for the message follows from something that is stored once: a
///            QoS 2 identifier, or the end of a session with its will. It is stored and forwarded.
///
///            Databases call store and forward a transactional outbox. The message becomes a row, a
///            "forward", in the transaction of its cause, and leaves after that. The other shard
///            stores all consequences there in one transaction with the end of the row:
///
///              this shard                      disk      other shard
///              send()   row and its cause ───▶ commit
///              committed() ◀─────────────────────┘
///                  message and key of its row ─────────▶ begin_peer_input()
///                                              commit ◀─── deliveries, and the end of the row
///              confirmed() ◀────────── Confirmed ─┘
///                  releases the stored message
///
///            Messages that must not overtake one that waits for the first commit wait behind it,
///            in order, without a row.
/// Invariant  At every instant the disk has either the row, or all that follows from the message at
///            the other shard: never both, never neither. Restorer finishes rows that it finds.
///            Keys of rows grow, and each shard gets messages in the order of their keys, so a
///            confirmation stands for all keys before it.
/// Threads    None.
class Forwards final {
 public:
  Forwards(const ShardOptions& options, Ledger& ledger, Holdings& holdings, PeerOutbox& peers);

  /// While it lives, messages that other shards have to store are stored and forwarded; also if
  /// `begin` is false, but a scope around it began it.
  class StoreAndForward {
   public:
    StoreAndForward(Forwards& forwards, bool begin)
        : forwards_(forwards),
          before_(std::exchange(forwards.storing_, forwards.storing_ || begin)) {}
    ~StoreAndForward() { forwards_.storing_ = before_; }
    StoreAndForward(const StoreAndForward&) = delete;
    StoreAndForward& operator=(const StoreAndForward&) = delete;

   private:
    Forwards& forwards_;
    bool before_;
  };

  /// Messages from here on are caused by a client. It retransmits until it has an acknowledgement,
  /// so they need no row.
  void begin_client_input() noexcept {
    holdings_.set_depth(0);
    storing_ = false;
  }
  /// Messages from here on are caused by one of shard `from`, which gets its confirmation when all
  /// of it is stored. If that message has a row, the row ends with it, so messages that follow get
  /// rows of their own.
  void begin_peer_input(ShardIndex from, const ConfirmRequest& request);

  /// A copy of a message that other shards can take over; with a key if there is a store.
  [[nodiscard]] SharedMessage share(const MessageView& message);

  /// Sends a message to another shard. `lasting`: the other shard will store something because of
  /// it. `publication`: the message while it is handed out here, for a copy that is kept already;
  /// may be null.
  ///
  /// Requires  `to` is not this shard.
  void send(ShardIndex to, PeerPublish&& message, bool lasting, Publication* publication);
  void send(ShardIndex to, GroupDelivery&& message, bool lasting, Publication* publication);
  void send(ShardIndex to, GroupReturn&& message, bool lasting, Publication* publication);
  /// Whether messages wait in order behind a row. A QoS 0 message that is not sent by send() would
  /// overtake them.
  [[nodiscard]] bool waits_in_order() const noexcept { return in_order_ > 0; }

  /// The journal has this shard's changes up to `position`: messages with rows among them leave,
  /// and those in order behind them.
  void committed(std::uint64_t position);
  /// A shard has stored all messages of this one up to the request.
  void confirmed(ShardIndex from, const ConfirmRequest& request);

  // For a store that begins anew. Nothing leaves until that is on disk.

  /// Messages that have not left, for a walk in steps.
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_.size(); }
  /// Writes the row of such a message, if it has one.
  ///
  /// Requires  Messages that have left had been handled by their shards when the renewal began, so
  ///           their rows have ended. This shard refers to them until the other one confirms: that
  ///           ends nothing in the new store, see Ledger::begin_renewal().
  void rewrite(std::size_t place, JournalBatch& batch) const;

 private:
  /// A message that waits: for its row to be on disk, or for those in front of it.
  struct Waiting {
    std::uint64_t position = 0;  // of the row in the journal; 0: it has none, it waits in order
    ForwardKey key{0};           // of the row; 0: none
    ShardIndex to{0};
    PeerMessage message;
    MessageRef kept;  // the message that the row refers to
  };
  /// A message that has left; its row has not ended for all that this shard knows.
  struct Unconfirmed {
    ForwardKey key{0};
    MessageRef kept;
  };

  template <typename Message>
  void dispatch(ShardIndex to, Message&& message, bool lasting, Publication* publication);
  template <typename Message>
  void store(ShardIndex to, Message&& message, Publication* publication);
  template <typename Message>
  [[nodiscard]] bool has_to_wait(const Message& message, bool lasting) const noexcept;
  [[nodiscard]] JournalBatch::Forward row_of(ShardIndex to) const;
  [[nodiscard]] JournalBatch::Forward row_of(const Waiting& one, JournalBatch& batch) const;

  const ShardOptions& options_;
  Ledger& ledger_;
  Holdings& holdings_;
  PeerOutbox& peers_;
  bool storing_ = false;                        // see StoreAndForward
  Ring<Waiting> waiting_;                       // in the order of their sending
  std::size_t in_order_ = 0;                    // of these: without a row
  std::vector<Ring<Unconfirmed>> unconfirmed_;  // by shard
};

}  // namespace broker
