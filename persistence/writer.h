// persistence/writer.h
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/core/log.h"
#include "persistence/renewal.h"
#include "persistence/store.h"
#include "persistence/writer_figures.h"

namespace persistence {

/// The one thread that writes for all shards.
///
/// Shape      A shard has at most one batch here. While a transaction is synced the batches of
///            others gather, and together they make the next one: a lone publish is committed at
///            once, a loaded broker commits many at a time.
/// Invariant  A batch that was submitted is committed, or tried again until it is: on a full disk
///            acknowledgements wait, and nothing is lost. If the store's files are lost, it stops:
///            batches are dropped, until the state of all shards is written anew: see Renewal. If
///            that fails, the store is as lost as before.
///
///              writing ── files are lost ──▶ lost ── renew() ──▶ renewing ── committed ──▶ writing
///                                             ▲                     │
///                                             └────── failure ──────┘
/// Threads    submit(), give() and figures() from any; the others by the one that made it.
class Writer {
 public:
  /// `done(shard, position)` is called by the writer's thread when a batch is on disk.
  using Done = std::function<void(broker::ShardIndex shard, std::uint64_t position)>;

  Writer(Store& store, broker::Log& log, Done done);
  /// Commits the submitted batches, and ends.
  ~Writer();
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;

  void submit(broker::ShardIndex shard, broker::JournalBatch batch);
  [[nodiscard]] WriterFigures figures() const;

  /// Whether the store's files are lost: removed, replaced, cut, or no database any more. While
  /// this is true the store belongs to the caller, which is to renew it.
  [[nodiscard]] bool lost() const;
  /// To be called if renewing failed; `sentence` says why.
  void not_renewed(const std::string& sentence);
  /// All that the shards wanted stored is on disk; they have been told.
  void renewed();

  /// Writes the lost store anew, from the answers of the shards to `ask`, which is called by this
  /// thread and by the writer's. Batches that were submitted so far are dropped.
  ///
  /// Requires  lost(), and Store::begin_renewal() has succeeded. While no shard ran, all their
  ///           messages to each other were handled.
  void renew(std::uint32_t shards, RenewalAsk ask);
  /// A shard's answer.
  void give(RenewalPortion portion);
  /// Waits until the store is not being written anew any more: it is whole, or lost. For so long at
  /// most. Returns whether that is so.
  [[nodiscard]] bool wait_renewed(std::chrono::milliseconds most);

 private:
  struct Submitted {
    broker::ShardIndex shard{0};
    broker::JournalBatch batch;
  };

  enum class State : std::uint8_t { writing, lost, renewing };

  void run();
  /// Writes portions, and commits the renewal once it is complete.
  void go_on_renewing(const std::vector<RenewalPortion>& portions);
  void end_renewal();
  void fail_renewal(const std::string& sentence);
  /// All was written anew. Requires mutex_.
  void begin_writing();
  [[nodiscard]] State state() const;
  void look_around();
  void lose(std::string_view what);
  void commit_until_done(const std::vector<Submitted>& batches);
  /// Tells it, unless it did so a moment ago. Requires mutex_.
  void tell_failure(const std::string& sentence);
  [[nodiscard]] Answer<void> commit(const std::vector<Submitted>& batches);
  /// Waits before the next try; false if it is time to end.
  [[nodiscard]] bool wait_to_try_again(const DatabaseError& error);
  void count(const std::vector<Submitted>& batches, std::uint64_t microseconds);

  Store& store_;
  broker::Log& log_;
  Done done_;
  std::chrono::steady_clock::time_point next_look_;  // at the clock and the files
  std::chrono::steady_clock::time_point next_line_;  // about a failure that lasts
  std::string last_line_;
  mutable std::mutex mutex_;
  std::condition_variable bell_;
  std::condition_variable renewed_;  // of state_
  using Time = std::chrono::steady_clock::time_point;
  std::vector<Submitted> submitted_;      // under mutex_
  Time submitted_since_;                  // under mutex_; when the first of them came
  std::size_t committing_ = 0;            // under mutex_; batches of the transaction under way
  Time committing_since_;                 // under mutex_; when the first of them came
  std::vector<RenewalPortion> portions_;  // under mutex_
  bool ending_ = false;                   // under mutex_
  State state_ = State::writing;          // under mutex_
  std::uint64_t renewal_number_ = 0;      // under mutex_
  WriterFigures figures_;                 // under mutex_
  std::unique_ptr<Renewal> renewal_;      // the thread's own, while renewing
  std::thread thread_;
};

}  // namespace persistence
