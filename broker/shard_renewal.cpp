#include "broker/shard_renewal.h"

#include <cassert>
#include <memory>

#include "broker/shard_state.h"

// All stored rows, once more: for a store that has lost its files.

namespace broker {

void ShardRenewal::begin() {
  Shard::State& state = inside_.aside();
  state.path.commits.begin_renewal(state.tables.sessions, state.tables.retained);
  state.renewal = std::make_unique<RenewalWalk>(state.tables, state.subscriptions,
                                                state.path.forwards, state.path.distribution);
}

bool ShardRenewal::renew(JournalBatch& batch) {
  Shard::State& state = inside_.aside();
  assert(state.renewal != nullptr);
  return state.renewal->run(batch);
}

JournalBatch ShardRenewal::end(Instant now) {
  Shard::State& state = inside_.aside();
  assert(state.renewal != nullptr);
  state.renewal.reset();
  return state.path.commits.end_renewal(state.tables.sessions, state.tables.retained, now);
}

}  // namespace broker
