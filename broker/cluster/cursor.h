#pragma once

#include <cstddef>
#include <deque>
#include <vector>

#include "broker/cluster/lasting.h"

namespace cluster {

/// How far a session is in the stream of lasting messages.
///
/// Shape      All up to position() have been looked at: those that match were taken, the others are
///            not for the session. A message that was taken is outstanding until it is finished.
///            The deque has outstanding messages and, between them, runs of finished ones:
///              position 90:  ...40 done | 41 outstanding | 42..57 done | 58 outstanding | ...90
///              cursor() 40, done_ranges() {42..57}, and nothing above 58 but what never matched
/// Invariant  Runs are in order and apart; two runs of finished messages have an outstanding one or
///            one above position() between them. cursor() never falls.
/// Cost       Messages that are finished in their order, the common case: constant. Otherwise a
///            binary search, and moves of entries. Memory follows the outstanding messages, of
///            which the session's queue has a limit, however many are finished behind the oldest.
/// Threads    None.
class Cursor final {
 public:
  Cursor() = default;
  /// Continues from a record: all up to `position` is done, and `done` above it.
  Cursor(Sequence position, const std::vector<SequenceRange>& done);

  /// Whether the stream shows a message to this session for the first time. The tail of a node may
  /// be behind the one of the session's last owner.
  [[nodiscard]] bool is_new(Sequence sequence) const noexcept {
    return sequence > position_ && !is_done(sequence);
  }
  /// A message is for this session. Requires is_new().
  void take(Sequence sequence);
  /// A message is acknowledged or dropped. Returns false if it is not outstanding.
  bool finish(Sequence sequence);
  /// Marks as done one that was acknowledged before this cursor began; it may be known already.
  void add_done(Sequence sequence);
  /// All up to `position` that was not taken is not for the session. May be told late: once before
  /// the cursor is read is enough.
  void pass(Sequence position);

  [[nodiscard]] Sequence position() const noexcept { return position_; }
  /// All up to here is done.
  [[nodiscard]] Sequence cursor() const noexcept;
  [[nodiscard]] bool is_done(Sequence sequence) const noexcept;
  /// Runs above cursor() that are done, in order: no more than outstanding messages, and one.
  [[nodiscard]] std::vector<SequenceRange> done_ranges() const;
  [[nodiscard]] std::size_t runs() const noexcept { return runs_.size(); }

 private:
  struct Run {
    Sequence first = 0;
    Sequence last = 0;
    bool done = false;
  };
  using Place = std::deque<Run>::iterator;

  /// The first run that ends at `sequence` or behind it.
  [[nodiscard]] Place place_of(Sequence sequence);
  void join_neighbours(Place run);
  void drop_front();

  std::deque<Run> runs_;
  Sequence position_ = 0;
};

}  // namespace cluster
