// broker/restart.h
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/shard.h"

namespace broker {

/// The rows that a shard wants stored.
struct ShardBatch {
  ShardIndex shard{0};
  JournalBatch batch;
};

/// The end of restoring: Shard::restored() of all, and whatever they have to tell each other is
/// told. Every group knows its members before anybody may publish: a loop that begins late would
/// tell of them too late.
///
/// Requires  None of them runs. `last_key` is as for Shard::restored().
void restored(std::span<Shard* const> shards, std::uint64_t last_key, Instant now);

/// Finishes the messages that were on their way between shards when the process ended
/// (JournalBatch::Forward).
///
/// Requires  restored(), and that none of them runs.
/// Returns   The rows to store before they run, in one transaction with the end of all forwards;
///           then each of these shards is to be told by committed().
[[nodiscard]] std::vector<ShardBatch> finish_forwards(std::span<Shard* const> shards, Instant now);

/// All that the store is to hold, in portions: for one that begins anew because its files are lost.
///
/// Requires  None of them runs.
/// Returns   By shard, the position for Shard::committed() when all of it is on disk.
[[nodiscard]] std::vector<std::uint64_t> rewrite(
    std::span<Shard* const> shards, Instant now,
    const std::function<void(const JournalBatch&)>& give);

}  // namespace broker
