// persistence/store.h
#pragma once

#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/journal.h"
#include "broker/core/log.h"
#include "broker/core/message.h"
#include "persistence/database.h"
#include "persistence/message_holders.h"
#include "persistence/notes.h"
#include "persistence/store_clock.h"
#include "persistence/store_files.h"
#include "persistence/tables.h"
#include "persistence/write_ahead_log.h"

namespace persistence {

/// How the store is opened.
struct StoreOptions {
  std::string path;             // or a symbolic link to it
  bool refuse_damaged = false;  // else a damaged file is set aside, and the store begins empty
  /// The store outlives the clock of Instants. Empty: Instant 0 is 1970.
  StoreClock::Read clock = {};
};

/// The receivers of the stored rows.
struct Restorer {
  /// The number of shards; the shard of a client id; the shard that stores the retained message of
  /// a topic.
  std::uint32_t shards = 1;
  std::function<std::uint32_t(std::string_view client_id)> home_of;
  std::function<std::uint32_t(std::string_view topic)> keeper_of;
  /// Rows for one shard.
  std::function<void(std::uint32_t shard, const broker::JournalBatch&)> restore;
  /// A message for all shards; only if there are several.
  std::function<void(const broker::SharedMessage&)> share;
};

/// Counts of the objects that were restored.
struct Loaded {
  std::uint64_t sessions = 0;
  std::uint64_t subscriptions = 0;
  std::uint64_t retained = 0;
  std::uint64_t queued = 0;
  std::uint64_t forwards = 0;  // on their way between shards: to be finished before these run
  std::uint64_t cleaned = 0;   // messages without any reference
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
  /// Moves the log into the file if it has become long; to be called when no batch waits.
  void tidy_up() { wal_.tidy_up(); }
  /// Puts the times of all rows right if the clock was set. To be called now and then.
  void look_at_clock();
  /// A difference between the store's open files and their paths, as a clause for the log. See
  /// StoreFiles.
  [[nodiscard]] std::optional<std::string> files_differ() const;
  /// Gives the write-ahead log its full length at once: see WriteAheadLog::lengthen(). To be called
  /// once, before the first commit.
  void lengthen_log() { wal_.lengthen(); }

  // To begin anew with an empty file, because the open one is lost: see files_differ().

  /// Makes that file, and begins the one transaction of all its rows. A file at its place is kept
  /// under another name. Until commit_renewal() the file says that it is not whole: see Unfinished.
  ///
  /// Errors    One sentence: another darter has the place, the disk is full. Then only
  ///           begin_renewal() may be called.
  [[nodiscard]] std::expected<void, std::string> begin_renewal();
  /// All rows were written: they are on disk when this returns. After an error here or of write()
  /// roll_back() is due, and only begin_renewal() may follow.
  [[nodiscard]] Answer<void> commit_renewal();
  /// After commit_renewal(): moves all of it out of the log, which gets its usual length.
  void settle_renewal();
  /// The name under which the file was kept that stood at the place; empty: there was none.
  [[nodiscard]] const std::string& kept_as() const noexcept { return kept_as_; }
  /// The error of a renewal as one sentence.
  [[nodiscard]] std::string not_renewed(const DatabaseError& error) const;

  using Give = std::function<void(const broker::JournalBatch&)>;
  /// All of that at once. `rewrite` gives all rows.
  ///
  /// Errors    As of begin_renewal().
  [[nodiscard]] std::expected<void, std::string> renew(
      const std::function<void(const Give&)>& rewrite);

  // For imports.

  /// Before begin(): much will be written at once, so there may be much memory for it.
  [[nodiscard]] Answer<void> expect_much();
  /// After commit() or roll_back(): moves all of it out of the log, and gives memory and disk back.
  void expect_little();

  [[nodiscard]] broker::Instant instant_of(std::int64_t milliseconds_since_1970) const noexcept {
    return clock_.from_wall(milliseconds_since_1970);
  }
  /// The highest key that sessions and messages have.
  [[nodiscard]] Answer<std::uint64_t> last_key();
  [[nodiscard]] Answer<bool> has_session(std::string_view client_id) {
    return tables_->has_session(client_id);
  }
  [[nodiscard]] Answer<bool> has_retained(std::string_view topic) {
    return tables_->has_retained(topic);
  }
  /// The note of that name, or nothing.
  [[nodiscard]] Answer<std::string> note(std::string_view name) { return notes_.get(name); }
  [[nodiscard]] Answer<void> set_note(std::string_view name, std::string_view value) {
    return notes_.set(name, value);
  }
  /// The file that was here was damaged, and set aside by open().
  [[nodiscard]] bool was_set_aside() const noexcept { return was_set_aside_; }

  [[nodiscard]] const std::string& path() const noexcept { return options_.path; }

 private:
  class Loader;

  Store(StoreOptions options, broker::Log& log);
  [[nodiscard]] Answer<void> connect();
  /// Puts an empty file at the place. Errors as of begin_renewal().
  [[nodiscard]] std::expected<void, std::string> take_place();
  /// An error if the log was cut since the last commit.
  [[nodiscard]] Answer<void> check_log() const;
  /// Tells of a store that is not whole. Errors    One sentence, if the start is to be refused.
  [[nodiscard]] std::expected<void, std::string> look_for_unfinished();
  [[nodiscard]] Answer<void> keep_time();
  [[nodiscard]] std::expected<void, std::string> set_aside(const DatabaseError& error);
  /// In a transaction of its own.
  [[nodiscard]] Answer<void> delete_messages(const std::vector<std::uint64_t>& keys);

  StoreOptions options_;
  broker::Log& log_;
  StoreFiles files_;
  StoreClock clock_;
  std::int64_t step_milliseconds_ = 0;  // by which this transaction moved the times of rows
  Database database_;
  Notes notes_;  // kept by a store that begins anew
  WriteAheadLog wal_;
  MessageHolders holders_;
  std::optional<Tables> tables_;  // while the database is open
  bool was_set_aside_ = false;
  bool is_unfinished_ = false;            // the file at the place is not whole
  std::string kept_as_;                   // the one before it
  std::vector<std::uint64_t> forwarded_;  // messages that were on their way when it was loaded
};

}  // namespace persistence
