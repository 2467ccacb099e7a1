// broker/figures.h
#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "broker/core/groups.h"
#include "broker/core/ids.h"
#include "broker/core/metrics.h"
#include "broker/core/retained.h"
#include "broker/core/router.h"
#include "broker/core/session_table.h"
#include "broker/peer.h"
#include "broker/shard.h"
#include "broker/sys_topics.h"

namespace broker {

/// The figures of a shard, and on shard 0 the reporter of all shards' figures below $SYS/broker/.
///
/// Shape      The counters are counted where things happen, in Metrics. Sizes are read from the
///            tables that they belong to when snapshot() is called, and are kept there. Each
///            sys_interval shard 0 publishes the sum of its own figures and of the last report of
///            each other shard, and asks the others for the next one: their part is at most one
///            interval old.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None.
class Figures final {
 public:
  /// Publishes a retained message in the broker's own name.
  using Publish = SysTopics::Publish;

  Figures(const ShardOptions& options, const Metrics& counters, const SessionTable& sessions,
          const Router& router, const Groups& groups, const Retained& retained, PeerOutbox& peers);

  /// To be called every 100 ms or so.
  ///
  /// Cost      Once in each sys_interval some hundred topics; nothing for each session.
  void tick(Instant now, const Publish& publish);
  /// sys_interval has changed: the next tick() publishes.
  void reschedule(Instant now) noexcept { next_ = now; }
  /// The answer of another shard to a MetricsRequest.
  void report(ShardIndex from, const Metrics& figures);
  /// The figures of this shard.
  [[nodiscard]] Metrics snapshot() const;

 private:
  const ShardOptions& options_;
  const Metrics& counters_;
  const SessionTable& sessions_;
  const Router& router_;
  const Groups& groups_;
  const Retained& retained_;
  PeerOutbox& peers_;
  SysTopics topics_;
  std::vector<Metrics> reports_;  // by shard; the last one of each
  Instant next_;                  // when figures are published again
};

}  // namespace broker
