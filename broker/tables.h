// broker/tables.h
#pragma once

#include "broker/core/connection_table.h"
#include "broker/core/holdings.h"
#include "broker/core/homes.h"
#include "broker/core/ledger.h"
#include "broker/core/metrics.h"
#include "broker/core/outbox.h"
#include "broker/core/rate_walk.h"
#include "broker/core/retained.h"
#include "broker/core/router.h"
#include "broker/core/session_table.h"
#include "broker/core/timer_wheel.h"
#include "broker/core/tracer.h"
#include "broker/peer.h"
#include "broker/shard.h"

namespace broker {

/// The data of a shard: its options, all that it remembers, and all that it has to say.
///
/// Shape      Plain data that the parts of a shard work on: DeliveryPath and those of Shard::State.
/// Lifetime   As the shard. Parts refer to members, so it does not move.
/// Threads    None; `commons` is shared with other threads.
struct Tables {
  Tables(const ShardOptions& shard_options, Commons& process)
      : options(shard_options),
        commons(process),
        homes(options.home_key, options.shards),
        peers(options.shards),
        sessions(options.home_key),
        connections(metrics),
        router(options.limits, sessions),
        ledger(options.durability, options.index, options.shards),
        holdings(outbox, options.shards) {
    sessions.share_topics(options.topic_shares);
  }
  Tables(const Tables&) = delete;
  Tables& operator=(const Tables&) = delete;

  ShardOptions options;
  Commons& commons;
  Homes homes;
  Outbox outbox;
  PeerOutbox peers;
  Metrics metrics;
  Tracer tracer;
  TimerWheel timers;
  SessionTable sessions;
  ConnectionTable connections;
  RateWalk rate_walk{connections};
  Router router;
  Ledger ledger;
  Holdings holdings;
  Retained retained;
};

}  // namespace broker
