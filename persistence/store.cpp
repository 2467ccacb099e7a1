#include "persistence/store.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <tuple>
#include <unistd.h>
#include <utility>

#include "persistence/schema.h"

namespace persistence {
namespace {

using broker::JournalBatch;

/// Pages in the write-ahead log from which it is moved into the file: 16 MiB.
constexpr int wal_pages_max = 4096;
constexpr off_t page_bytes = 4096;
constexpr off_t wal_bytes = 32 + wal_pages_max * (24 + page_bytes);  // header; frames

constexpr int cache_kibibytes = 16'384;
/// While an import runs. Topics come in no order: what of their index is not here is read again.
constexpr int large_cache_kibibytes = 256 * 1024;

template <typename Key>
std::int64_t number(Key key) {
  return static_cast<std::int64_t>(key);
}

/// Whether so much may be taken without leaving others short.
bool has_plenty(int descriptor, off_t bytes) {
  struct statvfs disk{};
  return ::fstatvfs(descriptor, &disk) == 0 &&
         disk.f_bavail * disk.f_frsize / 8 > static_cast<fsblkcnt_t>(bytes);
}

}  // namespace

/// Everything that write() does, prepared once.
struct Store::Statements {
  Statement end_session, end_subscriptions, end_deliveries, end_incoming;
  Statement session, subscribe, unsubscribe, message, delivery, release, finish, incoming,
      no_incoming, retain, forget, forward, arrived, all_arrived, drop;
  Statement find_session, find_retained;

  [[nodiscard]] static Answer<std::unique_ptr<Statements>> prepare(Database& database);
};

Answer<std::unique_ptr<Store::Statements>> Store::Statements::prepare(Database& database) {
  auto made = std::make_unique<Statements>();
  const std::pair<Statement Statements::*, const char*> all[] = {
      {&Statements::end_session, "DELETE FROM session WHERE id = ?"},
      {&Statements::end_subscriptions, "DELETE FROM subscription WHERE session_id = ?"},
      {&Statements::end_deliveries, "DELETE FROM delivery WHERE session_id = ?"},
      {&Statements::end_incoming, "DELETE FROM incoming WHERE session_id = ?"},
      {&Statements::session,
       "INSERT OR REPLACE INTO session VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&Statements::subscribe, "INSERT OR REPLACE INTO subscription VALUES(?,?,?,?,?,?,?)"},
      {&Statements::unsubscribe,
       "DELETE FROM subscription WHERE session_id = ? AND share_name = ? AND filter = ?"},
      {&Statements::message, "INSERT OR IGNORE INTO message VALUES(?,?,?,?,?,?,?)"},
      {&Statements::delivery, "INSERT OR REPLACE INTO delivery VALUES(?,?,?,?,?,?,?,?)"},
      {&Statements::release,
       "UPDATE delivery SET message_id = NULL WHERE session_id = ? AND number = ?"},
      {&Statements::finish, "DELETE FROM delivery WHERE session_id = ? AND number = ?"},
      {&Statements::incoming, "INSERT OR IGNORE INTO incoming VALUES(?,?)"},
      {&Statements::no_incoming, "DELETE FROM incoming WHERE session_id = ? AND packet_id = ?"},
      {&Statements::retain, "INSERT OR REPLACE INTO retained VALUES(?,?,?,?,?)"},
      {&Statements::forget, "DELETE FROM retained WHERE topic = ?"},
      {&Statements::forward, "INSERT INTO forward VALUES(?,?,?,?,?,?,?,?,?,?,?,?)"},
      {&Statements::arrived, "DELETE FROM forward WHERE id = ?"},
      {&Statements::all_arrived, "DELETE FROM forward"},
      {&Statements::drop, "DELETE FROM message WHERE id = ?"},
      {&Statements::find_session, "SELECT 1 FROM session WHERE client_id = ?"},
      {&Statements::find_retained, "SELECT 1 FROM retained WHERE topic = ?"},
  };
  for (const auto& [member, sql] : all) {
    auto statement = database.prepare(sql);
    if (!statement) return std::unexpected(statement.error());
    *made.*member = std::move(*statement);
  }
  return made;
}

Store::Store(StoreOptions options, broker::Log& log)
    : options_(std::move(options)), log_(log), files_(options_.path), clock_(options_.clock) {}

// SQLite moves the log into the file and removes it when the last connection closes. If the stamp
// that has to come before cannot be written, or the file is not ours, the log stays as it is.
Store::~Store() {
  // A file that was replaced is another's: it is not tidied up.
  const bool moves = statements_ != nullptr && !files_differ() && write_stamp(stamp_.to_be_moved());
  statements_.reset();
  if (database_.handle() != nullptr) {
    int keep = moves ? 0 : 1;
    sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
    if (!moves) sqlite3_db_config(database_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
  database_ = Database();
}

std::expected<std::unique_ptr<Store>, std::string> Store::open(const StoreOptions& options,
                                                               broker::Log& log) {
  std::unique_ptr<Store> store(new Store(options, log));
  if (auto locked = store->files_.lock(); !locked) return std::unexpected(locked.error());
  if (auto checked = store->check_log(); !checked) return std::unexpected(checked.error());
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
    return std::unexpected("The store " + options.path +
                           " cannot be opened: " + connected.error().what + ".");
  }
  return store;
}

// SQLite would remove a log whose database is missing, and apply one to whatever file stands in the
// place of its own.
std::expected<void, std::string> Store::check_log() {
  log_was_empty_ = !files_.log_has_frames();
  if (log_was_empty_) return {};
  if (!files_.has_database()) {
    const std::string found = "The store " + options_.path + " is missing, though its log, " +
                              files_.log_path() + ", is there";
    if (options_.refuse_damaged) {
      return std::unexpected(found + ". Bring the store back, or move the log away.");
    }
    const auto aside = files_.set_log_aside("orphaned");
    if (!aside) return std::unexpected(found + "; " + aside.error() + ".");
    log_.write(broker::LogType::error,
               found + ". The log was set aside as " + *aside + ", and the broker begins empty.");
    log_was_empty_ = true;
    return {};
  }
  if (!has_foreign_log(options_.path)) return {};
  const auto aside = files_.set_log_aside("replaced");
  if (!aside) return std::unexpected("The store " + options_.path + ": " + aside.error() + ".");
  log_.write(broker::LogType::warning,
             "Warning: the store " + options_.path + " is another one than its log, " +
                 files_.log_path() + ", was written for: it seems to be a backup. The log was " +
                 "set aside as " + *aside + ".");
  log_was_empty_ = true;
  return {};
}

Answer<void> Store::connect() {
  auto opened = Database::open(options_.path);
  if (!opened) return std::unexpected(opened.error());
  database_ = std::move(*opened);
  // The owner alone may read what clients say to each other.
  ::chmod(options_.path.c_str(), 0600);
  // quick_check takes up to a quarter of a second less for a million messages, but what it does not
  // look at, the entries of indexes, would make a write fail some day.
  auto check = database_.value("PRAGMA integrity_check(1)");
  if (!check) return std::unexpected(check.error());
  if (*check != "ok") return std::unexpected(DatabaseError{SQLITE_CORRUPT, *check});
  auto prepared = database_.execute(
      "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 0;"
      "PRAGMA temp_store = MEMORY; PRAGMA cache_size = -" +
      std::to_string(cache_kibibytes));
  if (!prepared) return prepared;
  // The log keeps its length for the next start, see lengthen_log().
  int keep = 1;
  sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
  if (auto refreshed = refresh_log(); !refreshed) return refreshed;
  if (auto schema = Schema::prepare(database_); !schema) return schema;
  auto statements = Statements::prepare(database_);
  if (!statements) return std::unexpected(statements.error());
  statements_ = std::move(*statements);
  sqlite3_wal_hook(
      database_.handle(),
      [](void* store, sqlite3* /*database*/, const char* /*name*/, int pages) {
        static_cast<Store*>(store)->wal_pages_ = pages;
        return SQLITE_OK;
      },
      this);
  if (auto read = read_notes(); !read) return read;
  const auto note = this->note("clock");
  if (!note) return std::unexpected(note.error());
  if (!clock_.remember(*note)) {
    log_.write(broker::LogType::warning,
               "Warning: the system's clock cannot be used to tell for how long the broker was "
               "down, for " +
                   clock_.reason() + ". Expiry times in the store count from the machine's start.");
  }
  return begin_log();
}

Answer<void> Store::begin_log() {
  const auto note = this->note(LogStamp::note_name);
  if (!note) return std::unexpected(note.error());
  stamp_ = LogStamp::parse(*note).value_or(LogStamp{});
  // On a full disk, for instance, the log stays as it is.
  const bool stamped = !log_was_empty_ || write_stamp(stamp_.next()).has_value();
  if (stamped) std::ignore = move_log(SQLITE_CHECKPOINT_PASSIVE);
  files_.remember();
  return {};
}

Answer<void> Store::write_stamp(const LogStamp& stamp) {
  auto done = database_.execute("BEGIN IMMEDIATE");
  if (done) done = set_note(LogStamp::note_name, stamp.note());
  if (done) done = commit();
  if (done) {
    stamp_ = stamp;
  } else {
    roll_back();
  }
  return done;
}

Answer<void> Store::move_log(int mode) {
  if (!stamp_.moving) {
    if (auto done = write_stamp(stamp_.to_be_moved()); !done) return done;
  }
  int frames = 0;
  int moved = 0;
  const int code = sqlite3_wal_checkpoint_v2(database_.handle(), nullptr, mode, &frames, &moved);
  files_.database_written();
  if (code != SQLITE_OK) return std::unexpected(DatabaseError{code, sqlite3_errstr(code)});
  // Readers, if an operator looks, keep what they need in the log, and it goes on.
  if (moved < frames) return {};
  return write_stamp(stamp_.next());
}

// A frame of the log counts if it has the salt of the log's header (SQLite's file format, section
// 4.1). A process whose sync failed may have left frames that the kernel shows and calls clean, but
// that never reached the disk; what is committed behind such a hole would be lost with the power.
// Written once more they are dirty, and the sync that follows means them.
Answer<void> Store::refresh_log() {
  sqlite3_file* log = nullptr;
  sqlite3_file_control(database_.handle(), "main", SQLITE_FCNTL_JOURNAL_POINTER,
                       static_cast<void*>(&log));
  if (log == nullptr || log->pMethods == nullptr) return {};
  const auto failed = [](int code) {
    return std::unexpected(DatabaseError{code, sqlite3_errstr(code)});
  };
  std::array<char, 32> header{};
  const auto header_size = static_cast<int>(header.size());
  if (log->pMethods->xRead(log, header.data(), header_size, 0) != SQLITE_OK) return {};  // empty
  std::uint32_t page_size = 0;
  for (const std::size_t i : {8U, 9U, 10U, 11U}) {
    page_size = page_size << 8U | static_cast<unsigned char>(header[i]);
  }
  if (page_size < 512 || page_size > 65'536) return {};  // none that SQLite would read
  constexpr std::size_t frame_header_bytes = 24;
  std::vector<char> frame(frame_header_bytes + page_size);
  const auto size = static_cast<int>(frame.size());
  int code = log->pMethods->xWrite(log, header.data(), header_size, 0);
  for (sqlite3_int64 at = header_size; code == SQLITE_OK; at += size) {
    if (log->pMethods->xRead(log, frame.data(), size, at) != SQLITE_OK) break;
    if (std::memcmp(&frame[8], &header[16], 8) != 0) break;
    code = log->pMethods->xWrite(log, frame.data(), size, at);
  }
  if (code == SQLITE_OK) code = log->pMethods->xSync(log, SQLITE_SYNC_FULL);
  if (code != SQLITE_OK) return failed(code);
  return {};
}

std::expected<void, std::string> Store::set_aside(const DatabaseError& error) {
  statements_.reset();
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
  log_was_empty_ = true;
  was_set_aside_ = true;
  log_.write(broker::LogType::error,
             found + ". It was set aside as " + *aside + ", and the broker begins empty.");
  return {};
}

std::optional<std::int64_t> Store::to_wall(const std::optional<broker::Instant>& instant) const {
  if (!instant) return std::nullopt;
  return instant->milliseconds + clock_.offset_milliseconds();
}

std::optional<broker::Instant> Store::from_wall(
    const std::optional<std::int64_t>& milliseconds) const {
  if (!milliseconds) return std::nullopt;
  return broker::Instant{*milliseconds - clock_.offset_milliseconds()};
}

Answer<void> Store::begin() {
  undo_.clear();
  step_milliseconds_ = 0;
  auto done = database_.execute("BEGIN IMMEDIATE");
  return done ? keep_time() : done;
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
  return set_note("clock", clock_.note());
}

void Store::look_at_clock() {
  if (!clock_.times_step()) return;
  auto done = begin();
  if (done) done = commit();
  if (!done) roll_back();
}

// If the sync fails, SQLite forgets the transaction, and the next try writes all of its pages to
// the same places of the log again. That is needed: to sync once more would report success for
// pages that the kernel has given up. And it is enough, as long as this connection goes on: what it
// has committed was synced. To open the file anew would take the lost pages for a transaction.
Answer<void> Store::commit() {
  auto done = database_.execute("COMMIT");
  if (done && step_milliseconds_ != 0) {
    log_.write(broker::LogType::notice,
               "The system's clock differs by " + std::to_string(step_milliseconds_ / 1000) +
                   " s from what the store counted with; its expiry times were put right.");
  }
  if (done) {
    step_milliseconds_ = 0;
    undo_.clear();
  }
  return done;
}

void Store::roll_back() {
  [[maybe_unused]] const auto undone = database_.execute("ROLLBACK");
  clock_.moved(-std::exchange(step_milliseconds_, 0));
  for (const auto& [key, count] : undo_) {
    if (count == 0) {
      holders_.erase(key);
    } else {
      holders_[key] = count;
    }
  }
  undo_.clear();
}

void Store::tidy_up() {
  if (wal_pages_ < wal_pages_max) return;
  [[maybe_unused]] const auto moved = move_log(SQLITE_CHECKPOINT_PASSIVE);
  wal_pages_ = 0;
}

std::optional<std::string> Store::files_differ() const {
  return files_.difference(wal_pages_ == 0 ? 0 : 32 + off_t{wal_pages_} * (24 + page_bytes));
}

// What stands behind the last frame is ignored unless it has the log's salt (SQLite's file format,
// section 4.4), as zeros have not. SQLite holds no lock on this file that closing it could drop.
void Store::lengthen_log() {
  const int log = ::open((options_.path + "-wal").c_str(), O_WRONLY | O_CLOEXEC);
  if (log < 0) return;
  struct stat status{};
  if (::fstat(log, &status) == 0 && has_plenty(log, wal_bytes)) {
    const std::array<char, std::size_t{1} << 16U> zeros{};
    for (off_t at = status.st_size; at < wal_bytes;) {
      const auto size =
          std::min<std::size_t>(zeros.size(), static_cast<std::size_t>(wal_bytes - at));
      const ssize_t written = ::pwrite(log, zeros.data(), size, at);
      if (written <= 0) break;
      at += written;
    }
    ::fsync(log);
  }
  ::close(log);
}

Answer<void> Store::read_notes() {
  auto notes = database_.prepare("SELECT name, value FROM note");
  if (!notes) return std::unexpected(notes.error());
  for (;;) {
    const auto more = notes->next();
    if (!more) return std::unexpected(more.error());
    if (!*more) return {};
    std::string name(notes->text());
    notes_[std::move(name)] = notes->text();
  }
}

std::expected<void, std::string> Store::clear_place() {
  statements_.reset();
  if (database_.handle() != nullptr) {
    sqlite3_db_config(database_.handle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  }
  database_ = Database();
  files_.unlock_database();
  if (auto locked = files_.lock(); !locked) return locked;
  if (files_.used_by_others()) {
    return std::unexpected("The store " + options_.path +
                           " was opened by another darter meanwhile. End one of them.");
  }
  if (renewal_failed_) {
    files_.remove();
  } else if (const auto aside = files_.set_aside("replaced"); !aside) {
    return std::unexpected("The store " + options_.path + ": " + aside.error() + ".");
  }
  renewal_failed_ = true;
  return files_.lock_database();
}

std::expected<void, std::string> Store::renew(const std::function<void(const Give&)>& rewrite) {
  if (auto cleared = clear_place(); !cleared) return cleared;
  log_was_empty_ = true;
  holders_.clear();
  forwarded_.clear();
  auto done = connect();
  if (done) done = write_anew(rewrite);
  if (!done) {
    return std::unexpected("The store " + options_.path +
                           " cannot be written anew: " + done.error().what + ".");
  }
  renewal_failed_ = false;
  sync_folder_of(options_.path);
  expect_little();  // the log has all of it
  lengthen_log();
  return {};
}

Answer<void> Store::write_anew(const std::function<void(const Give&)>& rewrite) {
  auto done = begin();
  for (const auto& [name, value] : notes_) {
    if (done && name != "clock" && name != LogStamp::note_name) done = set_note(name, value);
  }
  rewrite([&](const JournalBatch& batch) {
    if (done) done = write(batch);
  });
  if (done) done = commit();
  if (!done) roll_back();
  return done;
}

Answer<void> Store::expect_much() {
  return database_.execute("PRAGMA cache_size = -" + std::to_string(large_cache_kibibytes));
}

void Store::expect_little() {
  // What a full disk, or an operator's look, keeps in the log is moved by tidy_up() later.
  [[maybe_unused]] const auto moved = move_log(SQLITE_CHECKPOINT_TRUNCATE);
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

Answer<bool> Store::has_session(std::string_view client_id) {
  return statements_->find_session.bind(client_id).finds();
}

Answer<bool> Store::has_retained(std::string_view topic) {
  return statements_->find_retained.bind(topic).finds();
}

Answer<std::string> Store::note(std::string_view name) {
  auto statement = database_.prepare("SELECT value FROM note WHERE name = ?");
  if (!statement) return std::unexpected(statement.error());
  auto row = statement->bind(name).next();
  if (!row) return std::unexpected(row.error());
  return *row ? std::string(statement->text()) : std::string();
}

Answer<void> Store::set_note(std::string_view name, std::string_view value) {
  auto statement = database_.prepare("INSERT OR REPLACE INTO note VALUES(?,?)");
  if (!statement) return std::unexpected(statement.error());
  auto done = statement->bind(name, value).run();
  if (done) notes_[std::string(name)] = value;
  return done;
}

Answer<void> Store::write(const JournalBatch& batch) {
  using Step = Answer<void> (Store::*)(const JournalBatch&);
  for (const Step step : {&Store::write_sessions, &Store::write_subscriptions,
                          &Store::write_messages, &Store::write_deliveries, &Store::write_retained,
                          &Store::write_forwards, &Store::end_sessions, &Store::drop_messages}) {
    if (auto done = (this->*step)(batch); !done) return done;
  }
  return {};
}

Answer<void> Store::write_sessions(const JournalBatch& batch) {
  for (const JournalBatch::Session& row : batch.sessions) {
    if (auto done = write_session(batch, row); !done) return done;
  }
  for (const JournalBatch::Incoming& row : batch.incoming) {
    Statement& statement = row.present ? statements_->incoming : statements_->no_incoming;
    if (auto done = statement.bind(number(row.session), number(row.packet_id)).run(); !done) {
      return done;
    }
  }
  return {};
}

Answer<void> Store::write_session(const JournalBatch& batch, const JournalBatch::Session& row) {
  Statement& statement = statements_->session;
  statement.bind(number(row.key), batch.text(row.client_id), batch.text(row.user_name),
                 batch.text(row.mount_point), std::int64_t{row.listener}, number(row.version),
                 std::int64_t{row.from_bridge}, std::int64_t{row.connected},
                 std::int64_t{row.expiry_interval_seconds}, to_wall(row.expires),
                 static_cast<std::int64_t>(row.sent_end));
  const JournalBatch::Will& will = row.will;
  if (will.topic.size_bytes != 0) {
    std::optional<std::int64_t> expiry;
    if (will.message_expiry_interval_seconds) expiry = *will.message_expiry_interval_seconds;
    statement.bind(batch.text(will.topic), batch.data(will.payload), batch.data(will.properties),
                   number(will.qos), std::int64_t{will.retain},
                   std::int64_t{will.delay_interval_seconds}, expiry, to_wall(will.due));
  } else {
    const std::optional<std::int64_t> null;
    statement.bind(null, null, null, null, null, null, null, null);
  }
  return statement.run();
}

Answer<void> Store::write_subscriptions(const JournalBatch& batch) {
  for (const JournalBatch::Subscription& row : batch.subscriptions) {
    const std::string_view share_name = batch.text(row.share_name);
    const std::string_view filter = batch.text(row.filter);
    auto done = row.present
                    ? statements_->subscribe
                          .bind(number(row.session), share_name, filter, number(row.qos),
                                std::int64_t{row.no_local}, std::int64_t{row.retain_as_published},
                                std::int64_t{row.subscription_identifier})
                          .run()
                    : statements_->unsubscribe.bind(number(row.session), share_name, filter).run();
    if (!done) return done;
  }
  return {};
}

Answer<void> Store::write_messages(const JournalBatch& batch) {
  for (const JournalBatch::Message& row : batch.messages) {
    auto done = statements_->message
                    .bind(number(row.key), batch.text(row.topic), batch.data(row.payload),
                          batch.data(row.properties), number(row.qos), std::int64_t{row.retain},
                          to_wall(row.expires))
                    .run();
    if (!done) return done;
    // Another shard has stored it: one holder more.
    if (sqlite3_changes(database_.handle()) == 0) count_holder(static_cast<std::uint64_t>(row.key));
  }
  return {};
}

void Store::count_holder(std::uint64_t key) {
  const auto found = holders_.find(key);
  undo_.try_emplace(key, found == holders_.end() ? 0 : found->second);
  if (found == holders_.end()) {
    holders_[key] = 2;
  } else {
    ++found->second;
  }
}

bool Store::uncount_holder(std::uint64_t key) {
  const auto found = holders_.find(key);
  if (found == holders_.end()) return false;
  undo_.try_emplace(key, found->second);
  if (--found->second == 1) holders_.erase(found);
  return true;
}

Answer<void> Store::write_deliveries(const JournalBatch& batch) {
  for (const JournalBatch::Delivery& row : batch.deliveries) {
    std::optional<std::int64_t> message;
    if (!row.released) message = number(row.message);
    auto done = statements_->delivery
                    .bind(number(row.name.session), static_cast<std::int64_t>(row.name.number),
                          message, number(row.qos), std::int64_t{row.retain},
                          batch.data(row.subscription_identifiers), batch.text(row.share_name),
                          batch.text(row.share_filter))
                    .run();
    if (!done) return done;
  }
  for (const auto& [names, statement] : {std::pair(&batch.released, &statements_->release),
                                         std::pair(&batch.finished, &statements_->finish)}) {
    for (const JournalBatch::DeliveryName& name : *names) {
      auto done =
          statement->bind(number(name.session), static_cast<std::int64_t>(name.number)).run();
      if (!done) return done;
    }
  }
  return {};
}

Answer<void> Store::write_retained(const JournalBatch& batch) {
  for (const JournalBatch::Retained& row : batch.retained) {
    const std::string_view topic = batch.text(row.topic);
    auto done = row.message == broker::MessageKey{0}
                    ? statements_->forget.bind(topic).run()
                    : statements_->retain
                          .bind(topic, number(row.message), batch.text(row.client_id),
                                batch.text(row.user_name), std::int64_t{row.listener})
                          .run();
    if (!done) return done;
  }
  return {};
}

Answer<void> Store::write_forwards(const JournalBatch& batch) {
  for (const JournalBatch::Forward& row : batch.forwards) {
    auto done =
        statements_->forward
            .bind(number(row.key), number(row.message), std::int64_t{row.to},
                  std::int64_t{row.shards}, static_cast<std::int64_t>(row.home_key[0]),
                  static_cast<std::int64_t>(row.home_key[1]), batch.text(row.share_name),
                  batch.text(row.share_filter), static_cast<std::int64_t>(row.retain_count),
                  batch.text(row.client_id), batch.text(row.user_name), std::int64_t{row.listener})
            .run();
    if (!done) return done;
  }
  for (const broker::ForwardKey key : batch.arrived) {
    if (auto done = statements_->arrived.bind(number(key)).run(); !done) return done;
  }
  return {};
}

Answer<void> Store::end_forwards() {
  if (auto done = statements_->all_arrived.run(); !done) return done;
  for (const std::uint64_t key : std::exchange(forwarded_, {})) {
    if (auto done = drop_message(key); !done) return done;
  }
  return {};
}

Answer<void> Store::end_sessions(const JournalBatch& batch) {
  for (const broker::SessionKey key : batch.ended_sessions) {
    for (Statement* const end : {&statements_->end_session, &statements_->end_subscriptions,
                                 &statements_->end_deliveries, &statements_->end_incoming}) {
      if (auto done = end->bind(number(key)).run(); !done) return done;
    }
  }
  return {};
}

Answer<void> Store::drop_messages(const JournalBatch& batch) {
  for (const broker::MessageKey message : batch.dropped_messages) {
    if (auto done = drop_message(static_cast<std::uint64_t>(message)); !done) return done;
  }
  return {};
}

Answer<void> Store::delete_messages(const std::vector<std::int64_t>& keys) {
  if (keys.empty()) return {};
  auto done = begin();
  for (std::size_t i = 0; done && i < keys.size(); ++i)
    done = statements_->drop.bind(keys[i]).run();
  if (done) done = commit();
  if (!done) roll_back();
  return done;
}

Answer<void> Store::drop_message(std::uint64_t key) {
  if (uncount_holder(key)) return {};
  return statements_->drop.bind(number(key)).run();
}

}  // namespace persistence
