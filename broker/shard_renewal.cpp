#include "broker/shard_state.h"

// All stored rows, once more: for a store that has lost its files.

namespace broker {

void Shard::begin_renewal() {
  State& state = inside_.aside();
  state.path.commits.begin_renewal(state.tables.sessions, state.tables.retained);
  state.renewal = std::make_unique<RenewalWalk>(state.tables, state.subscriptions,
                                                state.path.forwards, state.path.distribution);
}

bool Shard::renew(JournalBatch& batch) {
  State& state = inside_.aside();
  assert(state.renewal != nullptr);
  return state.renewal->run(batch);
}

JournalBatch Shard::end_renewal(Instant now) {
  State& state = inside_.aside();
  assert(state.renewal != nullptr);
  state.renewal.reset();
  return state.path.commits.end_renewal(state.tables.sessions, state.tables.retained, now);
}

}  // namespace broker
