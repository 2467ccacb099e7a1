// broker/shard_renewal.h
#pragma once

#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/shard.h"

namespace broker {

/// All stored rows of a shard once more, for a store that has lost its files: see RenewalWalk. Rows
/// that shards wrote before are lost; Shard::committed() comes after all of the renewal.
///
/// Lifetime   Of one expression: Shard::renewal(). The shard outlives it.
/// Threads    The shard's.
class ShardRenewal final {
 public:
  /// take_journal() gives nothing from here on, until committed(). Begins again if the one before
  /// has failed.
  ///
  /// Requires  While no shard ran, all their messages to each other were handled; this was after
  ///           the last committed(), and before the first of them begins.
  void begin();
  /// Adds a portion of rows to a batch. Returns whether there may be more. To be called once in
  /// each turn.
  [[nodiscard]] bool renew(JournalBatch& batch);
  /// The changes since begin(). Its position is for committed(), once that and all
  /// portions are on disk, in one transaction with those of all shards.
  ///
  /// Requires  renew() of all shards has given all.
  [[nodiscard]] JournalBatch end(Instant now);

 private:
  friend class Shard;
  explicit ShardRenewal(Shard::Inside& inside) noexcept : inside_(inside) {}

  Shard::Inside& inside_;
};

}  // namespace broker
