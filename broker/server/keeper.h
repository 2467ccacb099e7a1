// broker/server/keeper.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "broker/core/access.h"
#include "broker/core/log.h"
#include "broker/server/translate.h"
#include "conf/settings.h"
#include "persistence/store.h"
#include "persistence/writer.h"
#include "transport/loops.h"

namespace server {

/// Opens the store that the settings name.
///
/// Errors    One sentence.
[[nodiscard]] std::expected<std::unique_ptr<persistence::Store>, std::string> open_store(
    const conf::Settings& settings, broker::Log& log);

/// Keeps the shards' lasting state: opens the store, restores its content, writes new batches.
///
/// Lifetime   open(), then load() before the loops start, then write_from() while they run. To be
///            destroyed after the loops have stopped and before they are destroyed: the submitted
///            batches are committed then.
/// Threads    submit() from the loops' threads; the rest by the main thread.
class Keeper {
 public:
  /// Opens the store, and imports the file that Mosquitto left beside it.
  ///
  /// Errors    One sentence.
  [[nodiscard]] static std::expected<std::unique_ptr<Keeper>, std::string> open(
      const conf::Settings& settings, const broker::Authority& authority, broker::Log& log);

  /// Gives every shard its own, and starts the writer.
  [[nodiscard]] std::expected<void, std::string> load(transport::Loops& loops,
                                                      std::uint32_t shards);
  void submit(broker::ShardIndex shard, broker::JournalBatch batch) {
    writer_->submit(shard, std::move(batch));
  }
  /// If the store's files are lost: writes everything anew. To be called now and then.
  ///
  /// `goes_on` is called again and again meanwhile, with every portion of rows.
  ///
  /// Cost      No client is served while all rows are written: a second for some 100,000.
  void look(transport::Loops& loops, broker::Instant now, const std::function<void()>& goes_on);
  /// After the loops have stopped: ends the writer, after everything submitted is on disk.
  void finish(transport::Loops& loops);

  [[nodiscard]] persistence::WriterFigures figures() const { return writer_->figures(); }

 private:
  Keeper(std::unique_ptr<persistence::Store> store, broker::Log& log)
      : store_(std::move(store)), log_(log) {}

  /// Finishes the messages that were on their way between shards when the process ended.
  [[nodiscard]] persistence::Answer<void> finish_forwards(std::span<broker::Shard* const> shards);
  /// Returns whether it succeeded. `now` is that of Loops::ParkedWork.
  bool renew(transport::Loops& loops, broker::Instant now, const std::function<void()>& goes_on);

  std::unique_ptr<persistence::Store> store_;
  broker::Log& log_;
  std::unique_ptr<persistence::Writer> writer_;
  broker::Instant next_renewal_;  // the next try
};

}  // namespace server
