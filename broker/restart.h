// broker/restart.h
#pragma once

#include <span>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/shard.h"

namespace broker {

/// What a shard wants stored.
struct ShardBatch {
  ShardIndex shard{0};
  JournalBatch batch;
};

/// Finishes what was on its way between shards when the process ended (JournalBatch::Forward).
///
/// Requires  restored() of all of them, and that none of them runs.
/// Returns   What has to be stored before they run, in one transaction with the end of all
///           forwards; then each of these shards is to be told by committed().
[[nodiscard]] std::vector<ShardBatch> finish_forwards(std::span<Shard* const> shards, Instant now);

}  // namespace broker
