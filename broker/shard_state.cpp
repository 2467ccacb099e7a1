#include "broker/shard_state.h"

namespace broker {

Shard::State::State(const ShardOptions& shard_options, Commons& process, Log& log_sink)
    : tables(shard_options, process),
      path(tables, log_sink),
      subscriptions(tables.options, process.interest, tables.router, tables.ledger, path.groups,
                    tables.retained, path.sender, path.denials, path.pressure, path.turn, path.log,
                    path.replies),
      life(tables.timers, tables.sessions, process.counts, tables.ledger, path.forwards,
           path.groups, subscriptions, path.distribution, tables.metrics, path.turn, path.log),
      disconnects(tables.connections, tables.outbox, tables.metrics, path.sender, path.pressure,
                  life, path.log, path.replies),
      reading(tables.options.listeners, path.pressure, tables.timers, tables.outbox, publish_timer),
      publishes(tables.options, tables.ledger, tables.holdings, path.forwards, path.commits,
                tables.metrics, path.pressure, path.turn, path.distribution, path.log, path.replies,
                reading, disconnects),
      time_limits(tables.options.limits, tables.timers, tables.connections, tables.metrics, reading,
                  disconnects, path.log, path.turn),
      connect_rules(tables.options.limits, tables.options.listeners),
      start(tables.options, connect_rules, process.counts, tables.sessions, tables.router,
            tables.ledger, tables.metrics, life, disconnects, time_limits, path.log, path.turn),
      connects(tables.options, tables.homes, connect_rules, path.commits, tables.connections,
               tables.sessions, tables.outbox, tables.metrics, path.sender, path.pressure, life,
               start, disconnects, path.replies, path.log, path.turn),
      input(tables.connections, tables.outbox, path.pressure, path.forwards, reading, disconnects,
            path.log, path.turn),
      requests(tables.connections, subscriptions, path.pressure, path.forwards, disconnects,
               path.turn),
      dismissals(tables.options, tables.sessions, tables.router, tables.outbox, disconnects, life,
                 path.log),
      figures(tables.options, tables.metrics, tables.sessions, tables.router, path.groups.table(),
              tables.retained, tables.peers),
      peer_input(path.distribution, path.groups, path.forwards, path.links, figures, tables.peers,
                 path.turn) {}

// Timers.

bool Shard::State::fire_due() {
  constexpr int timers_per_turn = 1000;  // some milliseconds, if sessions end
  for (int fired = 0; fired < timers_per_turn && !tables.outbox.full(); ++fired) {
    const bool more =
        tables.timers.advance_by_one(path.turn.now(), [this](Timer& timer) { fire(timer); });
    if (!more) return false;
  }
  return true;
}

void Shard::State::fire(Timer& timer) {
  switch (timer.kind()) {
    case connection_timer:
      return time_limits.passed(*static_cast<Connection*>(timer.owner()));
    case session_expiry_timer:
      return life.expire(*static_cast<Session*>(timer.owner()));
    case will_delay_timer:
      return life.publish_will(*static_cast<Session*>(timer.owner()));
    case publish_timer:
      return end_delay(*static_cast<Connection*>(timer.owner()));
    default:
      return;
  }
}

void Shard::State::end_delay(Connection& connection) {
  reading.end_delay(connection, path.turn.now());
  if (!connection.work) resume(connection);
}

}  // namespace broker
