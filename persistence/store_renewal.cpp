#include <cassert>
#include <unistd.h>

#include "persistence/store.h"
#include "persistence/unfinished.h"

// A store that begins anew, because its files are lost.

namespace persistence {

using broker::JournalBatch;

std::expected<void, std::string> Store::look_for_unfinished() {
  const auto note = notes_.get(Unfinished::note_name);
  if (!note || note->empty()) return {};
  const std::string sentence = Unfinished::sentence(options_.path, *note);
  if (options_.refuse_damaged) {
    return std::unexpected(sentence +
                           ". Restore a backup, or move it away; persistence_damaged set_aside "
                           "lets the broker begin empty.");
  }
  log_.write_event(broker::LogType::error, {.event = broker::Event::store_damaged},
                   sentence + ". The broker begins empty.");
  // If that fails, the next start says it again.
  [[maybe_unused]] const auto removed = notes_.remove(Unfinished::note_name);
  return {};
}

// The lost file stays where it is until another takes its name, and that one says from its first
// moment that it is not whole: a process that ends in between leaves either of the two.
std::expected<void, std::string> Store::take_place() {
  tables_.reset();
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
  std::optional<std::string> aside;
  // One that this process began and did not finish is not worth to be kept.
  if (!is_unfinished_ || !files_.has_own_database()) {
    aside = files_.name_aside("replaced");
    kept_as_ = ::access(options_.path.c_str(), F_OK) == 0 ? *aside : std::string();
  }
  const std::string fresh = options_.path + ".renewing";
  if (auto made = Unfinished::make(fresh, notes_.all(), kept_as_); !made) {
    ::unlink(fresh.c_str());
    return std::unexpected(not_renewed(made.error()));
  }
  if (aside) {
    if (auto kept = files_.keep_under(*aside); !kept) {
      return std::unexpected("The store " + options_.path + ": " + kept.error() + ".");
    }
  }
  if (auto replaced = files_.replace_by(fresh, aside); !replaced) {
    return std::unexpected("The store " + replaced.error() + ".");
  }
  is_unfinished_ = true;
  return files_.lock_database();
}

std::string Store::not_renewed(const DatabaseError& error) const {
  return "The store " + options_.path + " cannot be written anew: " + error.what + ".";
}

std::expected<void, std::string> Store::begin_renewal() {
  if (auto taken = take_place(); !taken) return taken;
  wal_.restart();
  holders_.clear();
  forwarded_.clear();
  auto done = connect();
  if (done) done = begin();
  if (!done) {
    if (tables_) roll_back();
    return std::unexpected(not_renewed(done.error()));
  }
  return {};
}

Answer<void> Store::commit_renewal() {
  assert(is_unfinished_);
  auto done = notes_.remove(Unfinished::note_name);
  if (done) done = commit();
  if (done) is_unfinished_ = false;
  return done;
}

void Store::settle_renewal() {
  expect_little();  // the log has all of it
  wal_.lengthen();
}

std::expected<void, std::string> Store::renew(const std::function<void(const Give&)>& rewrite) {
  if (auto begun = begin_renewal(); !begun) return begun;
  Answer<void> done;
  rewrite([&](const JournalBatch& batch) {
    if (done) done = write(batch);
  });
  if (done) done = commit_renewal();
  if (!done) {
    roll_back();
    return std::unexpected(not_renewed(done.error()));
  }
  settle_renewal();
  return {};
}

}  // namespace persistence
