#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "broker/cluster/lasting.h"
#include "broker/cluster/member_record.h"
#include "broker/core/ids.h"

namespace cluster {

/// Writes the record of a member, if its revision is still `expected` (0: there is none). For the
/// own record one of Membership::beat_written(), beat_refused() and beat_unknown() is the answer;
/// another member's has none.
struct WriteMember {
  MemberId member = no_member;
  MemberRecord record;
  Revision expected = 0;
};

/// The members of the cluster, as the bucket's order of changes has them, and the lease of this
/// one.
///
/// Shape      A member writes its beat into the bucket that has the sessions, each time by a
///            compare-and-set on its last one. Another member that sees no change of it for
///            `dead_after_milliseconds` writes it `dead`, by a compare-and-set as well. So a member
///            is alive or dead at each place of the order, the same for all that look:
///              beat 1 ─ beat 2 ─ beat 3 ─ dead ─ beat 9 ...
///              │ joined                          │ joined again
///            A lease says that this member is not dead now: from the time when a beat was sent
///            that was written, for `lease_milliseconds`. A member that was dead, or has just
///            started, has none before its watch has shown all changes up to its own joining.
/// Invariant  While holds_lease() is true at some place, no record `dead` of it is in the bucket:
///            lease_milliseconds is the shorter one by more than two clocks may differ.
///            A node that is no member at a change joins later, and has applied the change before
///            it has a lease. So a change is known everywhere when all_have_seen() it.
/// Reason     The beat and the sessions are in one bucket, because an order of their changes is
///            needed. If liveness were each member's own view, one with a late view could neither
///            know which members it has to wait for, nor could one that comes back after a long
///            time know that it missed a change; and a takeover could miss that the holder is back.
/// Threads    None: sans-IO. Instants are of the host's steady clock.
class Membership final {
 public:
  struct Options {
    std::string name;
    MemberId member = no_member;
    std::int64_t beat_milliseconds = 1000;
    std::int64_t lease_milliseconds = 4000;
    std::int64_t dead_after_milliseconds = 6000;
  };
  explicit Membership(Options options);

  /// Returns   Records to be written: beats that are due, members that are silent.
  [[nodiscard]] std::vector<WriteMember> tick(broker::Instant now);
  void beat_written(Revision revision);
  void beat_refused();
  /// There was no answer: the beat is written, or is not, or will be.
  void beat_unknown();

  /// The watch of the bucket shows a member's record. Requires the order of revisions.
  void member_seen(MemberId member, const MemberRecord& record, Revision revision,
                   broker::Instant now);
  /// All changes up to `revision` were shown and applied, and the server had no other to show when
  /// it sent that one (its number of pending messages was 0).
  ///
  /// Reason    The bucket keeps the last change of each key only. A watch that is late may pass the
  ///           place of a change that a later one has replaced, without showing either yet.
  void watch_reached(Revision revision);
  /// A member says that it has applied all changes up to `revision`. Such words may be lost: beats
  /// say the same.
  void member_has_seen(MemberId member, Revision revision);

  [[nodiscard]] bool holds_lease(broker::Instant now) const noexcept;
  /// At the place that the watch has reached.
  [[nodiscard]] bool is_alive(MemberId member) const;
  /// Whether no member is left, now or later, that could act without knowing this change.
  [[nodiscard]] bool all_have_seen(Revision revision) const;
  [[nodiscard]] Revision watched() const noexcept { return watched_; }
  [[nodiscard]] MemberId self() const noexcept { return options_.member; }

 private:
  struct Other {
    MemberRecord record;
    Revision revision = 0;
    Revision joined = 0;  // the first of its revisions since it is alive
    Revision seen = 0;
    broker::Instant changed;
    broker::Instant tried;  // to write it dead
  };

  [[nodiscard]] WriteMember next_beat(broker::Instant now);

  Options options_;
  std::map<MemberId, Other> others_;
  Revision watched_ = 0;
  Revision own_revision_ = 0;
  Revision joined_ = 0;  // 0: not a member
  std::uint64_t beat_ = 0;
  Revision expected_ = 0;  // of the beat on its way
  broker::Instant beat_sent_;
  broker::Instant lease_from_;
  bool beat_on_its_way_ = false;
  bool has_sent_ = false;
  bool awaits_watch_ = false;  // the bucket has a revision of the own record that is not known yet
};

/// Acknowledgements that wait until all members have seen a change.
///
/// Threads    None.
class Barrier final {
 public:
  using Ticket = std::uint64_t;

  void wait(Ticket ticket, Revision revision) { waits_.emplace(revision, ticket); }
  /// Takes out the tickets that may go.
  [[nodiscard]] std::vector<Ticket> passed(const Membership& members);
  [[nodiscard]] bool empty() const noexcept { return waits_.empty(); }

 private:
  std::multimap<Revision, Ticket> waits_;
};

}  // namespace cluster
