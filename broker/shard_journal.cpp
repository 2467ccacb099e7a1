#include <string>
#include <utility>

#include "broker/shard_state.h"

namespace broker {
namespace {

constexpr std::int64_t relaxed_interval_milliseconds = 500;

}  // namespace

void Shard::end_turn(Instant now) {
  {
    const Entry entry = inside_.enter(now);
    State& state = *entry;
    state.holdings.end_turn(state.ledger.position());
    state.let_go();
  }
  // Packets that had been put aside were handled at the end of that, and are part of this turn.
  State& state = inside_.aside();
  state.holdings.end_turn(state.ledger.position());
}

std::optional<JournalBatch> Shard::take_journal(Instant now, bool hurry) {
  State& state = inside_.aside();
  if (state.journal_out || !journal_pending()) return std::nullopt;
  if (state.options.durability == Durability::relaxed && !hurry && now < state.next_journal) {
    return std::nullopt;
  }
  state.next_journal = after_milliseconds(now, relaxed_interval_milliseconds);
  JournalBatch batch = state.ledger.take(state.sessions, state.retained);
  if (batch.size() == 0) {
    committed(batch.position, now);  // the changes cancelled out; there is nothing to write
    return std::nullopt;
  }
  state.journal_out = true;
  return batch;
}

void Shard::committed(std::uint64_t position, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  state.journal_out = false;
  state.holdings.committed(position);
  state.forwards.committed(position);
  state.let_go();
}

bool Shard::journal_pending() const noexcept {
  const State& state = inside_.aside();
  return state.ledger.position() > state.holdings.committed();
}

void Shard::State::let_go() {
  if (holdings.empty()) return;
  holdings.release([this](ConnectionId id) { return find(id); },
                   [this](ShardIndex peer, const ConfirmRequest& request) {
                     peers.send(peer, Confirmed{request});
                   });
}

ShardIndex Shard::keeper_of(std::string_view topic) const noexcept { return home_of(topic); }

void Shard::restore(const JournalBatch& batch, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  // Deadlines count from a time that the wheel has seen.
  state.timers.advance(now, [&](Timer& timer) { state.fire(timer); });
  state.restoring().restore(batch, now);
}

void Shard::restore(const SharedMessage& message) { inside_.aside().restoring().restore(message); }

void Shard::restored(std::uint64_t last_key, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  state.ledger.begin_above(last_key);
  if (!state.restorer) return;
  state.restorer->restored();
  if (state.restorer->damaged() > 0) {
    state.log.note(LogType::error,
                   {std::to_string(state.restorer->damaged()),
                    " stored rows are damaged and were left out (shard ",
                    std::to_string(static_cast<unsigned>(state.options.index)), ")."});
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
        state.distribution.retain(publication, stamp, std::move(by));
      },
      [&](Publication& publication, const Route& route, const Receiver& receiver) {
        state.distribution.deliver(publication, route, receiver);
      });
  state.restorer.reset();
}

Restorer& Shard::State::restoring() {
  if (!restorer) {
    restorer = std::make_unique<Restorer>(options, homes, commons, sessions, timers, router, groups,
                                          ledger, retained);
  }
  return *restorer;
}

}  // namespace broker
