// broker/server/store_service.h
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
#include "broker/shard.h"
#include "conf/settings.h"
#include "persistence/store.h"
#include "persistence/writer.h"

namespace transport {
class Loops;
}

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
class StoreService {
 public:
  /// Opens the store, and imports the file that Mosquitto left beside it.
  ///
  /// Errors    One sentence.
  [[nodiscard]] static std::expected<std::unique_ptr<StoreService>, std::string> open(
      const conf::Settings& settings, const broker::Authority& authority, broker::Log& log);

  /// Gives every shard its own, and starts the writer.
  [[nodiscard]] std::expected<void, std::string> load(transport::Loops& loops,
                                                      std::uint32_t shards);
  void submit(broker::ShardIndex shard, broker::JournalBatch batch) {
    writer_->submit(shard, std::move(batch));
  }
  /// If the store's files are lost: begins to write everything anew. The loops go on with that, a
  /// portion of rows in a turn: see persistence::Renewal. To be called now and then.
  ///
  /// Cost      The loops are held until they have handled their messages to each other:
  ///           milliseconds.
  void look(transport::Loops& loops, broker::Instant now);
  /// Before the loops stop: waits until a store that is lost is written anew, or cannot be.
  ///
  /// `goes_on` is called again and again meanwhile.
  void complete(transport::Loops& loops, const std::function<void()>& goes_on);
  /// After the loops have stopped: ends the writer, after everything submitted is on disk. A store
  /// that is lost is written anew.
  void finish(transport::Loops& loops);

  [[nodiscard]] persistence::WriterFigures figures() const { return writer_->figures(); }
  /// The path of the store.
  [[nodiscard]] const std::string& path() const noexcept { return store_->path(); }

 private:
  StoreService(std::unique_ptr<persistence::Store> store, broker::Log& log)
      : store_(std::move(store)), log_(log) {}

  /// Finishes the messages that were on their way between shards when the process ended.
  [[nodiscard]] persistence::Answer<void> finish_forwards(std::span<broker::Shard* const> shards);
  void begin_renewal(transport::Loops& loops);
  /// Answers on the shard's thread.
  void answer(std::uint64_t renewal, broker::Shard& shard, broker::ShardIndex index,
              persistence::RenewalStep step, broker::Instant now);
  /// All at once, after the loops have stopped.
  void renew(transport::Loops& loops, broker::Instant now);

  std::unique_ptr<persistence::Store> store_;
  broker::Log& log_;
  std::unique_ptr<persistence::Writer> writer_;
  broker::Instant next_renewal_;       // the next try, if the last one failed
  std::uint64_t renewals_at_try_ = 0;  // that had succeeded before it
};

}  // namespace server
