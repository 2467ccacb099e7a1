// persistence/store.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/core/log.h"
#include "broker/core/message.h"
#include "persistence/database.h"
#include "persistence/log_stamp.h"
#include "persistence/store_clock.h"
#include "persistence/store_files.h"

namespace persistence {

/// How the store is opened.
struct StoreOptions {
  std::string path;
  bool refuse_damaged = false;  // else a damaged file is set aside, and the store begins empty
  /// The store outlives the clock of Instants. Empty: Instant 0 is 1970.
  StoreClock::Read clock = {};
};

/// Who gets what was stored.
struct Restorer {
  /// How many shards there are; the shard of a client id; the shard that stores what is retained
  /// for a topic.
  std::uint32_t shards = 1;
  std::function<std::uint32_t(std::string_view client_id)> home_of;
  std::function<std::uint32_t(std::string_view topic)> keeper_of;
  /// Rows for one shard.
  std::function<void(std::uint32_t shard, const broker::JournalBatch&)> restore;
  /// A message for all shards; only if there are several.
  std::function<void(const broker::SharedMessage&)> share;
};

/// What came back.
struct Loaded {
  std::uint64_t sessions = 0;
  std::uint64_t subscriptions = 0;
  std::uint64_t retained = 0;
  std::uint64_t queued = 0;
  std::uint64_t forwards = 0;  // on their way between shards: to be finished before these run
  std::uint64_t cleaned = 0;   // messages that nobody referred to any more
  std::uint64_t last_key = 0;
};

/// All lasting state of the broker in one SQLite file.
///
/// Shape      The tables of persistence/README.md. A batch of a shard is written by write();
///            commit() makes everything written since the last one last, through the write-ahead
///            log with one sync.
/// Invariant  A message is one row, however many shards and sessions refer to it.
/// Lifetime   The files are locked until the store is destroyed, see StoreFiles. Its end moves the
///            write-ahead log into the file: then that is all there is.
/// Threads    One at a time.
/// Errors     As values. After one, roll_back(): nothing since the last commit counts.
class Store {
 public:
  /// Opens or makes the file.
  ///
  /// Errors    One sentence: another process uses it, no permission, a newer version, damage that
  ///           shall not be set aside.
  [[nodiscard]] static std::expected<std::unique_ptr<Store>, std::string> open(
      const StoreOptions& options, broker::Log& log);
  ~Store();
  Store(const Store&) = delete;
  Store& operator=(const Store&) = delete;

  /// Gives everything back, with a line in the log every few seconds.
  [[nodiscard]] Answer<Loaded> load(const Restorer& restorer);

  [[nodiscard]] Answer<void> begin();
  [[nodiscard]] Answer<void> write(const broker::JournalBatch& batch);
  /// Everything that was on its way between shards has arrived.
  [[nodiscard]] Answer<void> end_forwards();
  [[nodiscard]] Answer<void> commit();
  void roll_back();
  /// Moves the log into the file if it has become long; to be called when nobody waits.
  void tidy_up();
  /// Puts the times of all rows right if the clock was set. To be called now and then.
  void look_at_clock();
  /// A difference between the store's open files and their paths, as a clause for the log. See
  /// StoreFiles.
  [[nodiscard]] std::optional<std::string> files_differ() const;
  /// Gives the write-ahead log its full length at once: a sync that has to record a new length as
  /// well takes many times as long. To be called once, before the first commit.
  ///
  /// Errors    None: on a disk with little room the log grows as it is written.
  /// Cost      Up to 16 MiB are written, unless the log is so long already.
  void lengthen_log();

  using Give = std::function<void(const broker::JournalBatch&)>;
  /// Begins anew with an empty file, because the one that was open is lost: see files_differ().
  /// A file at its place is kept under another name. `rewrite` gives all that the store is to
  /// hold, by rows of any order in which what is referred to comes first. All of it is on disk when
  /// this returns.
  ///
  /// Errors    One sentence: another darter has the place, the disk is full. Then nothing may be
  ///           called but this, again.
  [[nodiscard]] std::expected<void, std::string> renew(
      const std::function<void(const Give&)>& rewrite);

  // For what is brought in from elsewhere.

  /// Before begin(): much will be written at once, so there may be much memory for it.
  [[nodiscard]] Answer<void> expect_much();
  /// After commit() or roll_back(): moves all of it out of the log, and gives memory and disk back.
  void expect_little();

  [[nodiscard]] broker::Instant instant_of(std::int64_t milliseconds_since_1970) const noexcept {
    return {milliseconds_since_1970 - clock_.offset_milliseconds()};
  }
  /// The highest key that sessions and messages have.
  [[nodiscard]] Answer<std::uint64_t> last_key();
  [[nodiscard]] Answer<bool> has_session(std::string_view client_id);
  [[nodiscard]] Answer<bool> has_retained(std::string_view topic);
  /// What was noted under a name, or nothing.
  [[nodiscard]] Answer<std::string> note(std::string_view name);
  [[nodiscard]] Answer<void> set_note(std::string_view name, std::string_view value);
  /// The file that was here was damaged, and set aside by open().
  [[nodiscard]] bool was_set_aside() const noexcept { return was_set_aside_; }

  [[nodiscard]] const std::string& path() const noexcept { return options_.path; }

 private:
  class Loader;
  struct Statements;

  Store(StoreOptions options, broker::Log& log);
  /// Looks at what an end that was not orderly, or an operator, left.
  [[nodiscard]] std::expected<void, std::string> check_log();
  [[nodiscard]] Answer<void> connect();
  [[nodiscard]] Answer<void> begin_log();
  /// Makes room at the place of the files for others. Errors as of renew().
  [[nodiscard]] std::expected<void, std::string> clear_place();
  [[nodiscard]] Answer<void> read_notes();
  [[nodiscard]] Answer<void> write_anew(const std::function<void(const Give&)>& rewrite);
  /// A checkpoint in SQLite's `mode`, with the stamps that belong to it.
  [[nodiscard]] Answer<void> move_log(int mode);
  [[nodiscard]] Answer<void> write_stamp(const LogStamp& stamp);
  [[nodiscard]] Answer<void> keep_time();
  /// Makes sure that what the log shows is on the disk.
  [[nodiscard]] Answer<void> refresh_log();
  [[nodiscard]] std::expected<void, std::string> set_aside(const DatabaseError& error);

  [[nodiscard]] Answer<void> write_sessions(const broker::JournalBatch& batch);
  [[nodiscard]] Answer<void> write_session(const broker::JournalBatch& batch,
                                           const broker::JournalBatch::Session& row);
  [[nodiscard]] Answer<void> write_subscriptions(const broker::JournalBatch& batch);
  [[nodiscard]] Answer<void> write_messages(const broker::JournalBatch& batch);
  [[nodiscard]] Answer<void> write_deliveries(const broker::JournalBatch& batch);
  [[nodiscard]] Answer<void> write_retained(const broker::JournalBatch& batch);
  [[nodiscard]] Answer<void> write_forwards(const broker::JournalBatch& batch);
  [[nodiscard]] Answer<void> end_sessions(const broker::JournalBatch& batch);
  [[nodiscard]] Answer<void> drop_messages(const broker::JournalBatch& batch);
  [[nodiscard]] Answer<void> drop_message(std::uint64_t key);
  /// In a transaction of its own.
  [[nodiscard]] Answer<void> delete_messages(const std::vector<std::int64_t>& keys);

  /// One shard more, or less, refers to a message. Less: false if it was the only one.
  void count_holder(std::uint64_t key);
  [[nodiscard]] bool uncount_holder(std::uint64_t key);

  [[nodiscard]] std::optional<std::int64_t> to_wall(
      const std::optional<broker::Instant>& instant) const;
  [[nodiscard]] std::optional<broker::Instant> from_wall(
      const std::optional<std::int64_t>& milliseconds) const;

  StoreOptions options_;
  broker::Log& log_;
  StoreFiles files_;
  StoreClock clock_;
  std::int64_t step_milliseconds_ = 0;  // by which this transaction moved the times of rows
  LogStamp stamp_;
  bool log_was_empty_ = true;
  Database database_;
  std::unique_ptr<Statements> statements_;
  int wal_pages_ = 0;
  bool was_set_aside_ = false;
  bool renewal_failed_ = false;               // what stands at the place is half of one
  std::map<std::string, std::string> notes_;  // a store that begins anew keeps them
  /// Messages that more than one shard refers to: how many do. `undo_`: how many did before the
  /// transaction, 0 for none of these.
  std::unordered_map<std::uint64_t, std::uint32_t> holders_;
  std::unordered_map<std::uint64_t, std::uint32_t> undo_;
  std::vector<std::uint64_t> forwarded_;  // messages that were on their way when it was loaded
};

}  // namespace persistence
