// persistence/renewal.h
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/core/log.h"
#include "persistence/store.h"

namespace persistence {

/// The portions that a shard is asked for while a lost store is written anew.
enum class RenewalStep : std::uint8_t {
  begin,  ///< its first rows
  rows,   ///< more of them
  end,    ///< the changes since it began
};

/// The answer.
struct RenewalPortion {
  std::uint64_t renewal = 0;  // see RenewalAsk
  broker::ShardIndex shard{0};
  broker::JournalBatch batch;
  bool more = false;  // there are more rows
};

/// Asks a shard for its next portion, which comes by Writer::give(). `renewal`: which renewal it
/// is, for one may fail, and another begin, before the answer is there.
using RenewalAsk =
    std::function<void(std::uint64_t renewal, broker::ShardIndex shard, RenewalStep step)>;

/// One renewal of a lost store: takes portions of rows from all shards, until the store is whole.
///
/// Shape      begin and rows at each shard, at its own pace; once all have given all, end at all of
///            them; then everything is committed:
///
///              shard 0   begin rows rows rows ·········  end
///              shard 1   begin rows rows rows rows rows  end
///                                                           commit -> committed() at all
///
///            A shard is asked for a portion when the one before is about to be written. So the
///            slower of the two sets the pace, and no shard has more than two portions here.
/// Invariant  Two shards that tell each other something meanwhile both note it, and both notes are
///            in the transaction. Two shards end at different moments, as their batches do that are
///            committed together in all other times.
/// Threads    The writer's.
class Renewal {
 public:
  /// Asks every shard for its beginning. Store::begin_renewal() has succeeded; nothing else may be
  /// written until this is over.
  Renewal(Store& store, broker::Log& log, std::uint64_t number, std::uint32_t shards,
          RenewalAsk ask);

  /// Writes a portion. One of an earlier renewal is left out.
  [[nodiscard]] Answer<void> take(const RenewalPortion& portion);
  /// Whether all is written, and not committed yet.
  [[nodiscard]] bool is_complete() const noexcept { return ended_ == positions_.size(); }
  /// By shard: the position for committed().
  [[nodiscard]] const std::vector<std::uint64_t>& positions() const noexcept { return positions_; }

  /// "1234 rows, in 56 ms".
  [[nodiscard]] std::string extent() const;

 private:
  using Clock = std::chrono::steady_clock;

  void ask(broker::ShardIndex shard, RenewalStep step) { ask_(number_, shard, step); }
  void tell_progress();
  [[nodiscard]] bool is_ending() const noexcept { return walking_ == 0; }

  Store& store_;
  broker::Log& log_;
  std::uint64_t number_;
  RenewalAsk ask_;
  std::vector<std::uint64_t> positions_;
  std::size_t walking_;    // shards that have more rows
  std::size_t ended_ = 0;  // shards that have given their end
  std::uint64_t rows_ = 0;
  Clock::time_point begin_;
  Clock::time_point next_line_;
};

}  // namespace persistence
