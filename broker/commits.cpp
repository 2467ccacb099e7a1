#include "broker/commits.h"

#include <cassert>

namespace broker {
namespace {

constexpr std::int64_t relaxed_interval_milliseconds = 500;

}  // namespace

bool Commits::due(Instant now, bool hurry) const noexcept {
  if (out_ || !pending()) return false;
  return ledger_.durability() != Durability::relaxed || hurry || now >= next_;
}

JournalBatch Commits::take(SessionTable& sessions, const Retained& retained, Instant now) {
  assert(!out_);
  next_ = after_milliseconds(now, relaxed_interval_milliseconds);
  JournalBatch batch = ledger_.take(sessions, retained);
  out_ = batch.size() > 0;
  return batch;
}

// A batch that is out is lost with the store: no committed() comes for it.
void Commits::begin_renewal(SessionTable& sessions, const Retained& retained) {
  ledger_.begin_renewal(sessions, retained);
  out_ = true;
}

JournalBatch Commits::end_renewal(SessionTable& sessions, const Retained& retained, Instant now) {
  assert(out_);
  out_ = false;
  JournalBatch batch = take(sessions, retained, now);
  out_ = true;
  return batch;
}

void Commits::committed(std::uint64_t position) {
  out_ = false;
  holdings_.committed(position);
  forwards_.committed(position);
}

}  // namespace broker
