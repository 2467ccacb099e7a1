#include "broker/cluster/cursor.h"

#include <algorithm>
#include <cassert>

namespace cluster {

Cursor::Cursor(Sequence position, const std::vector<SequenceRange>& done) : position_(position) {
  for (const SequenceRange& range : done) {
    assert(range.first > position && range.first <= range.last);
    assert(runs_.empty() || runs_.back().last < range.first);
    runs_.push_back({range.first, range.last, true});
  }
}

Cursor::Place Cursor::place_of(Sequence sequence) {
  return std::ranges::lower_bound(runs_, sequence, {}, &Run::last);
}

void Cursor::take(Sequence sequence) {
  position_ = std::max(position_, sequence);
  if (runs_.empty() || runs_.back().last < sequence) {
    runs_.push_back({sequence, sequence, false});
    return;
  }
  const Place next = place_of(sequence);
  assert(next->first > sequence);
  runs_.insert(next, {sequence, sequence, false});
}

bool Cursor::finish(Sequence sequence) {
  const Place run = place_of(sequence);
  if (run == runs_.end() || run->first != sequence || run->done) return false;
  run->done = true;
  if (run == runs_.begin()) {
    drop_front();
  } else {
    join_neighbours(run);
  }
  return true;
}

void Cursor::add_done(Sequence sequence) {
  if (is_done(sequence)) return;
  const Place next = place_of(sequence);
  assert(next == runs_.end() || next->first > sequence);
  join_neighbours(runs_.insert(next, {sequence, sequence, true}));
}

void Cursor::pass(Sequence position) {
  position_ = std::max(position_, position);
  drop_front();
}

/// Between two runs that are done, all up to the position is done as well: it was never taken.
void Cursor::join_neighbours(Place run) {
  const auto touch = [&](const Run& left, const Run& right) {
    return left.done && right.done && (left.last + 1 == right.first || right.first <= position_);
  };
  if (const Place next = run + 1; next != runs_.end() && touch(*run, *next)) {
    run->last = next->last;
    run = runs_.erase(next) - 1;
  }
  if (run != runs_.begin() && touch(*(run - 1), *run)) {
    (run - 1)->last = run->last;
    runs_.erase(run);
  }
}

void Cursor::drop_front() {
  while (!runs_.empty() && runs_.front().done && runs_.front().last <= cursor()) runs_.pop_front();
}

Sequence Cursor::cursor() const noexcept {
  const auto open = std::ranges::find(runs_, false, &Run::done);
  return open == runs_.end() ? position_ : std::min(position_, open->first - 1);
}

bool Cursor::is_done(Sequence sequence) const noexcept {
  if (sequence <= cursor()) return true;
  const auto run = std::ranges::lower_bound(runs_, sequence, {}, &Run::last);
  return run != runs_.end() && run->done && run->first <= sequence;
}

std::vector<SequenceRange> Cursor::done_ranges() const {
  std::vector<SequenceRange> ranges;
  for (const Run& run : runs_) {
    if (run.done && run.last > cursor()) {
      ranges.push_back({std::max(run.first, cursor() + 1), run.last});
    }
  }
  return ranges;
}

}  // namespace cluster
