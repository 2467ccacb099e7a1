// broker/commits.h
#pragma once

#include <cstdint>
#include <optional>

#include "broker/core/holdings.h"
#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/core/ledger.h"
#include "broker/core/retained.h"
#include "broker/core/session_table.h"
#include "broker/forwards.h"
#include "broker/peer.h"

namespace broker {

/// The journal's batches, and the decision which acknowledgements wait for one.
///
/// Shape      take() -> the store writes -> committed(): one batch at a time.
///            An event notes where things stand (progress()) before it changes anything, and asks
///            when its acknowledgement may leave (when_safe()) after it has.
/// Invariant  With Durability::commit no acknowledgement leaves before its changes are on
///            disk, here and at every shard that was sent a message because of it.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Commits final {
 public:
  Commits(Ledger& ledger, Holdings& holdings, Forwards& forwards, PeerOutbox& peers)
      : ledger_(ledger), holdings_(holdings), forwards_(forwards), peers_(peers) {}

  /// How far the lasting state has come, here and at peers.
  struct Progress {
    std::uint64_t position;
    std::uint64_t requests;
    bool operator==(const Progress&) const = default;
  };
  [[nodiscard]] Progress progress() const noexcept {
    return {ledger_.position(), holdings_.requests()};
  }
  /// When an acknowledgement of the changes since `before` may leave.
  [[nodiscard]] SendRule when_safe(const Progress& before) const noexcept {
    const bool wait = ledger_.durability() == Durability::commit && progress() != before;
    return wait ? SendRule::after_commit : SendRule::after_earlier_held;
  }
  /// When one may leave that repeats something, whenever that was.
  [[nodiscard]] SendRule when_all_safe() const noexcept {
    const bool wait = ledger_.durability() == Durability::commit &&
                      (!holdings_.empty() || holdings_.committed() < ledger_.position());
    return wait ? SendRule::after_commit : SendRule::after_earlier_held;
  }

  /// Whether something has changed that is not on disk.
  [[nodiscard]] bool pending() const noexcept { return ledger_.position() > holdings_.committed(); }
  /// Whether a batch may be taken: none is out, and it is time, or there is a hurry.
  [[nodiscard]] bool due(Instant now, bool hurry) const noexcept;
  /// The changes since the last batch; without rows if they cancelled out. Requires due().
  [[nodiscard]] JournalBatch take(SessionTable& sessions, const Retained& retained, Instant now);
  // For a store that begins anew: no batch is taken from begin_renewal() until the store has the
  // batch of end_renewal(), and all that RenewalWalk gave before.

  void begin_renewal(SessionTable& sessions, const Retained& retained);
  /// The changes since then.
  [[nodiscard]] JournalBatch end_renewal(SessionTable& sessions, const Retained& retained,
                                         Instant now);
  /// A batch is on disk, up to its position.
  void committed(std::uint64_t position);
  /// The turn is over.
  void end_turn() { holdings_.end_turn(ledger_.position()); }
  /// Lets go of packets and confirmations that have nothing to wait for: `find(ConnectionId)` gives
  /// the connection or null.
  template <typename Find>
  void release(Find&& find);

 private:
  Ledger& ledger_;
  Holdings& holdings_;
  Forwards& forwards_;
  PeerOutbox& peers_;
  bool out_ = false;  // a batch was taken and is not committed
  Instant next_;      // when the next batch is due, if durability is relaxed
};

template <typename Find>
void Commits::release(Find&& find) {
  if (holdings_.empty()) return;
  holdings_.release(find, [this](ShardIndex peer, const ConfirmRequest& request) {
    peers_.send(peer_of_shard(peer), Confirmed{request});
  });
}

}  // namespace broker
