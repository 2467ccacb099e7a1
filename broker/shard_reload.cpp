#include <utility>

#include "broker/shard_state.h"

namespace broker {

void Shard::reconfigure(ShardChange change, Instant now) {
  const Entry entry = inside_.enter(now);
  State& state = *entry;
  ShardOptions& options = state.tables.options;
  if (options.limits.sys_interval_seconds != change.limits.sys_interval_seconds) {
    state.figures.reschedule(now);
  }
  state.time_limits.move_connect_deadlines(std::int64_t{change.limits.connect_timeout_seconds} -
                                           options.limits.connect_timeout_seconds);
  options.limits = std::move(change.limits);
  options.listeners = std::move(change.listeners);
  state.connects.outdate_logins();
  state.path.denials.forget();
  options.topic_shares = std::move(change.topic_shares);
  state.tables.sessions.share_topics(options.topic_shares);
  state.tables.router.forget_routes();  // allow_duplicate_messages and shares are in them
}

bool Shard::sweep(const std::vector<LoginChange>& changes, LoginSweep& sweep, Instant now) {
  const Entry entry = inside_.enter(now);
  return (*entry).dismissals.sweep(changes, sweep);
}

}  // namespace broker
