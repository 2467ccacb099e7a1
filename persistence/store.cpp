#include "persistence/store.h"

#include <cassert>
#include <sys/stat.h>
#include <utility>

#include "persistence/schema.h"

namespace persistence {
namespace {

using broker::JournalBatch;

constexpr int cache_kibibytes = 16'384;
/// While an import runs. Topics come in no order: index pages outside the cache are read again.
constexpr int large_cache_kibibytes = 256 * 1024;

}  // namespace

Store::Store(StoreOptions options, broker::Log& log)
    : options_(std::move(options)),
      log_(log),
      files_(options_.path),
      clock_(options_.clock),
      notes_(database_),
      wal_(database_, files_, notes_) {}

// SQLite moves the log into the file and removes it when the last connection closes. If the stamp
// that has to come before cannot be written, or the file is not ours, the log stays as it is.
Store::~Store() {
  // A file that was replaced is another's: it is not tidied up.
  const bool moves = tables_ && !files_differ() && wal_.finish();
  tables_.reset();
  if (database_.handle() != nullptr) {
    int keep = moves ? 0 : 1;
    sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    if (!moves) sqlite3_db_config(database_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
  database_ = Database();
}

std::expected<std::unique_ptr<Store>, std::string> Store::open(const StoreOptions& options,
                                                               broker::Log& log) {
  StoreOptions real = options;
  real.path = file_behind_links(options.path);
  if (real.path != options.path && StoreFiles(options.path).log_has_frames()) {
    return std::unexpected("The store " + options.path + " is a symbolic link to " + real.path +
                           ", and a log that was not yet moved into it lies beside the link. " +
                           "Move " + options.path + "-wal to " + real.path +
                           "-wal, or away if that file is newer.");
  }
  std::unique_ptr<Store> store(new Store(std::move(real), log));
  if (auto locked = store->files_.lock(); !locked) return std::unexpected(locked.error());
  if (auto checked = store->wal_.check(options.refuse_damaged, log); !checked)
    return std::unexpected(checked.error());
  if (auto locked = store->files_.lock_database(); !locked) {
    return std::unexpected(locked.error());
  }
  auto connected = store->connect();
  if (!connected && connected.error().damaged()) {
    if (auto aside = store->set_aside(connected.error()); !aside) {
      return std::unexpected(aside.error());
    }
    if (auto locked = store->files_.lock_database(); !locked) {
      return std::unexpected(locked.error());
    }
    connected = store->connect();
  }
  if (!connected) {
    return std::unexpected("The store " + store->options_.path +
                           " cannot be opened: " + connected.error().what + ".");
  }
  if (auto whole = store->look_for_unfinished(); !whole) return std::unexpected(whole.error());
  return store;
}

Answer<void> Store::connect() {
  auto opened = Database::open(options_.path);
  if (!opened) return std::unexpected(opened.error());
  database_ = std::move(*opened);
  // The owner alone may read the clients' messages.
  ::chmod(options_.path.c_str(), 0600);
  // quick_check takes up to a quarter of a second less for a million messages, but it skips the
  // entries of indexes, and a fault there would make a write fail later.
  auto check = database_.value("PRAGMA integrity_check(1)");
  if (!check) return std::unexpected(check.error());
  if (*check != "ok") return std::unexpected(DatabaseError{SQLITE_CORRUPT, *check});
  auto prepared = database_.execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -" +
      std::to_string(cache_kibibytes));
  if (!prepared) return prepared;
  if (auto opened_log = wal_.opened(); !opened_log) return opened_log;
  if (auto schema = Schema::prepare(database_); !schema) return schema;
  auto tables = Tables::prepare(database_, clock_, holders_);
  if (!tables) return std::unexpected(tables.error());
  tables_.emplace(std::move(*tables));
  if (auto read = notes_.read(); !read) return read;
  const auto note = notes_.get("clock");
  if (!note) return std::unexpected(note.error());
  if (!clock_.remember(*note)) {
    log_.write_event(
        broker::LogType::warning, {.event = broker::Event::clock_changed},
        "Warning: the system's clock cannot be used to tell for how long the broker was "
        "down, for " +
            clock_.reason() + ". Expiry times in the store count from the machine's start.");
  }
  return wal_.begin();
}

std::expected<void, std::string> Store::set_aside(const DatabaseError& error) {
  tables_.reset();
  database_ = Database();
  const std::string found = "The store " + options_.path + " is damaged (" + error.what + ")";
  if (options_.refuse_damaged) {
    return std::unexpected(found +
                           ". Repair it or move it away; persistence_damaged set_aside "
                           "does the latter.");
  }
  files_.unlock_database();
  const auto aside = files_.set_aside("damaged");
  if (!aside) return std::unexpected(found + ", and " + aside.error() + ".");
  wal_.restart();
  was_set_aside_ = true;
  log_.write_event(broker::LogType::error, {.event = broker::Event::store_set_aside},
                   found + ". It was set aside as " + *aside + ", and the broker begins empty.");
  return {};
}

Answer<void> Store::begin() {
  assert(tables_ && sqlite3_get_autocommit(database_.handle()) != 0);  // no transaction is open
  holders_.begin();
  step_milliseconds_ = 0;
  if (auto whole = check_log(); !whole) return whole;
  auto done = database_.execute("BEGIN IMMEDIATE");
  return done ? keep_time() : done;
}

// files_differ() comes once a second: the next commit would make the log as long as it has to be.
Answer<void> Store::check_log() const {
  if (!files_.log_is_cut(wal_.bytes())) return {};
  return std::unexpected(DatabaseError{SQLITE_CORRUPT, "its log was cut short"});
}

// Times that are NULL stay so: NULL + 1 is NULL.
Answer<void> Store::keep_time() {
  const auto step = clock_.times_step();
  if (!step && !clock_.note_is_old()) return {};
  if (step) {
    const std::string by = " + (" + std::to_string(*step) + ")";
    auto done = database_.execute("UPDATE session SET expires_ms = expires_ms" + by +
                                  ", will_due_ms = will_due_ms" + by +
                                  " WHERE expires_ms IS NOT NULL OR will_due_ms IS NOT NULL;"
                                  "UPDATE message SET expires_ms = expires_ms" +
                                  by + " WHERE expires_ms IS NOT NULL");
    if (!done) return done;
    clock_.moved(*step);
    step_milliseconds_ = *step;
  }
  return notes_.set("clock", clock_.note());
}

void Store::look_at_clock() {
  if (!clock_.times_step()) return;
  auto done = begin();
  if (done) done = commit();
  if (!done) roll_back();
}

// If the sync fails, SQLite forgets the transaction, and the next try writes all of its pages to
// the same places of the log again. That is needed: a second sync would report success for pages
// that the kernel has discarded. And it is enough, as long as this connection stays open: its
// earlier commits were synced. A newly opened file would take the lost pages for a transaction.
Answer<void> Store::commit() {
  assert(sqlite3_get_autocommit(database_.handle()) == 0);  // begin() opened a transaction
  auto done = check_log();
  if (done) done = database_.execute("COMMIT");
  if (done && step_milliseconds_ != 0) {
    log_.write_event(broker::LogType::notice, {.event = broker::Event::clock_changed},
                     "The system's clock differs by " + std::to_string(step_milliseconds_ / 1000) +
                         " s from what the store counted with; its expiry times were put right.");
  }
  if (done) {
    step_milliseconds_ = 0;
    holders_.commit();
  }
  return done;
}

void Store::roll_back() {
  [[maybe_unused]] const auto undone = database_.execute("ROLLBACK");
  clock_.moved(-std::exchange(step_milliseconds_, 0));
  holders_.roll_back();
}

std::optional<std::string> Store::files_differ() const { return files_.difference(wal_.bytes()); }

Answer<void> Store::expect_much() {
  return database_.execute("PRAGMA cache_size = -" + std::to_string(large_cache_kibibytes));
}

void Store::expect_little() {
  // A full disk, or an operator's reader, may keep frames in the log; tidy_up() moves them later.
  [[maybe_unused]] const auto moved = wal_.move(SQLITE_CHECKPOINT_TRUNCATE);
  [[maybe_unused]] const auto shrunk =
      database_.execute("PRAGMA cache_size = -" + std::to_string(cache_kibibytes));
  sqlite3_db_release_memory(database_.handle());
}

Answer<std::uint64_t> Store::last_key() {
  const auto key = database_.value(
      "SELECT max(ifnull((SELECT max(id) FROM session), 0),"
      " ifnull((SELECT max(id) FROM message), 0))");
  if (!key) return std::unexpected(key.error());
  return std::stoull(*key);
}

Answer<void> Store::write(const JournalBatch& batch) {
  assert(tables_ && sqlite3_get_autocommit(database_.handle()) == 0);
  return tables_->write(batch);
}

Answer<void> Store::end_forwards() {
  assert(tables_ && sqlite3_get_autocommit(database_.handle()) == 0);
  if (auto done = tables_->end_forwards(); !done) return done;
  for (const std::uint64_t key : std::exchange(forwarded_, {})) {
    if (auto done = tables_->drop_message(key); !done) return done;
  }
  return {};
}

Answer<void> Store::delete_messages(const std::vector<std::uint64_t>& keys) {
  if (keys.empty()) return {};
  auto done = begin();
  for (std::size_t i = 0; done && i < keys.size(); ++i) done = tables_->delete_message(keys[i]);
  if (done) done = commit();
  if (!done) roll_back();
  return done;
}

}  // namespace persistence
