// broker/renewal_walk.h
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/core/journal.h"
#include "broker/core/membership_list.h"
#include "broker/core/session.h"
#include "broker/distribution.h"
#include "broker/forwards.h"
#include "broker/subscriptions.h"
#include "broker/tables.h"

namespace broker {

/// Gives all rows of a shard once more, over as many turns as that takes: for a store that begins
/// anew, because its files are lost.
///
/// Shape      Forwards, then sessions place by place, each with its subscriptions and deliveries,
///            then retained messages place by place. Clients are served between two portions, and
///            the ledger notes their changes.
///
///              begins          run()  run()  run() ... over        Commits::end_renewal()
///              ├─ changes are noted ──────────────────────────────────┤
///
/// Invariant  The rows of run() and the changes that were noted, written in one transaction and in
///            that order, are the shard's state when the changes were taken. The walk is not a
///            picture of one moment, and need not be: a row is a state, so one that was given
///            before it changed is replaced, and one that is gone before the walk comes to it has
///            an end that finds nothing. All of a session, a retained message or a forward that is
///            new since the beginning is noted; the walk leaves it out. Messages: see
///            Ledger::begin_renewal().
///            The alternative, to give whatever changes whole before it does, makes one
///            acknowledgement as dear as its client's whole queue.
///            Lists that change between two portions are walked so that nothing is missed:
///            deliveries by number, which never becomes smaller; filters from the last place to the
///            first, because the last one moves to a place that becomes free; memberships by
///            number, and retained messages by place, which they keep.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class RenewalWalk final {
 public:
  /// Begins. No batch may be taken until the renewal ends: Commits::begin_renewal() comes first.
  RenewalWalk(Tables& tables, const Subscriptions& subscriptions, const Forwards& forwards,
              const Distribution& distribution);

  /// Adds a portion of rows.
  ///
  /// Returns   Whether there may be more.
  /// Cost      About half a millisecond; more for a single message of many megabytes, or a session
  ///           with thousands of open QoS 2 identifiers.
  [[nodiscard]] bool run(JournalBatch& batch);

 private:
  /// Places and sessions that are looked at in one portion, be there rows or not.
  static constexpr std::size_t steps_max = 4096;

  enum class Part : std::uint8_t { forwards, sessions, retained, over };
  /// Where the walk stands in a session.
  enum class Inside : std::uint8_t { row, filters, memberships, deliveries };

  /// Each does one step. Returns false if its part is over.
  [[nodiscard]] bool step_forwards(JournalBatch& batch);
  [[nodiscard]] bool step_sessions(JournalBatch& batch);
  [[nodiscard]] bool step_retained(JournalBatch& batch);
  /// Returns whether the session is done.
  [[nodiscard]] bool step_inside(Session& session, JournalBatch& batch);
  void begin_session(Session& session, JournalBatch& batch);
  void give(const Session& session, const Membership& membership, JournalBatch& batch);

  Tables& tables_;
  const Subscriptions& subscriptions_;
  const Forwards& forwards_;
  const Distribution& distribution_;
  Part part_ = Part::forwards;
  std::size_t forwards_end_;  // those behind it are noted
  std::size_t place_ = 0;     // of the part
  Inside inside_ = Inside::row;
  std::uint64_t session_ = 0;  // number of the one that is walked
  std::size_t filters_ = 0;    // that are left
  MembershipList::Number membership_ = 0;
  std::uint64_t delivery_ = 0;
};

}  // namespace broker
