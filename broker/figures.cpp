#include "broker/figures.h"

#include <cassert>

#include "broker/core/shard_figures.h"

namespace broker {

Figures::Figures(const ShardOptions& options, const Metrics& counters, const SessionTable& sessions,
                 const Router& router, const Groups& groups, const Retained& retained,
                 PeerOutbox& peers)
    : options_(options),
      counters_(counters),
      sessions_(sessions),
      router_(router),
      groups_(groups),
      retained_(retained),
      peers_(peers),
      topics_(options.version),
      reports_(options.shards) {}

void Figures::tick(Instant now, const Publish& publish) {
  const std::int64_t interval_seconds = options_.limits.sys_interval_seconds;
  if (interval_seconds == 0 || options_.index != ShardIndex{0} || now < next_) return;
  next_ = after_seconds(now, interval_seconds);
  reports_[0] = snapshot();
  Metrics total;
  for (const Metrics& report : reports_) merge(shard_figures(), total, report);
  topics_.update(total, now, publish);
  for (std::uint32_t shard = 1; shard < options_.shards; ++shard) {
    peers_.send(PeerId{shard}, MetricsRequest{});
  }
}

void Figures::report(ShardIndex from, const Metrics& figures) {
  reports_[static_cast<std::uint32_t>(from)] = figures;
}

Metrics Figures::snapshot() const {
  Metrics all = counters_;
  all.messages_sent += sum_over(counters_.publish_sent);
  all.sessions = sessions_.size();
  all.subscriptions = router_.subscription_count();
  all.shared_subscriptions = groups_.member_count();
  all.retained_messages = retained_.size();
  // Every shard has all retained messages, and one of them counts them.
  if (options_.index == ShardIndex{0}) {
    all.stored_messages = retained_.size();
    all.stored_bytes = retained_.size_bytes();
  }
  assert(sessions_.queued() == sessions_.recount());
  all.stored_messages += sessions_.queued().messages;
  all.stored_bytes += sessions_.queued().bytes;
  return all;
}

}  // namespace broker
