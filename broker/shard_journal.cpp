#include <string>
#include <utility>

#include "broker/shard_state.h"

namespace broker {

void Shard::end_turn(Instant now) {
  {
    const Entry entry = inside_.enter(now);
    State& state = *entry;
    state.path.commits.end_turn();
    state.path.commits.release(
        [&state](ConnectionId id) { return state.tables.connections.find(id); });
  }
  // Packets that had been put aside were handled at the end of that, and are part of this turn.
  inside_.aside().path.commits.end_turn();
}

std::optional<JournalBatch> Shard::take_journal(Instant now, bool hurry) {
  State& state = inside_.aside();
  if (!state.path.commits.due(now, hurry)) return std::nullopt;
  JournalBatch batch = state.path.commits.take(state.tables.sessions, state.tables.retained, now);
  if (batch.size() > 0) return batch;
  committed(batch.position, now);  // the changes cancelled out; there is nothing to write
  return std::nullopt;
}

void Shard::committed(std::uint64_t position, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  state.path.commits.committed(position);
  state.path.commits.release(
      [&state](ConnectionId id) { return state.tables.connections.find(id); });
}

bool Shard::journal_pending() const noexcept { return inside_.aside().path.commits.pending(); }

ShardIndex Shard::keeper_of(std::string_view topic) const noexcept { return home_of(topic); }

void Shard::restore(const JournalBatch& batch, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  // Deadlines count from a time that the wheel has seen.
  state.tables.timers.advance(now, [&](Timer& timer) { state.fire(timer); });
  state.restoring().restore(batch, now);
}

void Shard::restore(const SharedMessage& message) { inside_.aside().restoring().restore(message); }

void Shard::restored(std::uint64_t last_key, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  state.tables.ledger.begin_above(last_key);
  if (!state.restorer) return;
  state.restorer->restored();
  if (state.restorer->damaged() > 0) {
    state.path.log.note(LogType::error, {.event = Event::store_damaged},
                        {std::to_string(state.restorer->damaged()),
                         " stored rows are damaged and were left out (shard ",
                         std::to_string(static_cast<unsigned>(state.tables.options.index)), ")."});
  }
  if (!state.restorer->has_forwards()) state.restorer.reset();
}

void Shard::finish_forwards(Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  if (!state.restorer) return;
  state.restorer->finish_forwards(
      now,
      [&](Publication& publication, RetainStamp stamp, std::shared_ptr<const Publisher> by) {
        state.path.distribution.retain(publication, stamp, std::move(by));
      },
      [&](Publication& publication, const Route& route, const Receiver& receiver) {
        state.path.distribution.deliver(publication, route, receiver);
      });
  state.restorer.reset();
}

Restorer& Shard::State::restoring() {
  if (!restorer) {
    restorer = std::make_unique<Restorer>(tables.options, tables.homes, tables.commons,
                                          tables.sessions, tables.timers, tables.router,
                                          path.groups, tables.ledger, tables.retained);
  }
  return *restorer;
}

}  // namespace broker
