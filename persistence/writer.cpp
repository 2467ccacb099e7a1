#include "persistence/writer.h"

#include <cassert>
#include <chrono>
#include <csignal>
#include <pthread.h>
#include <utility>

namespace persistence {
namespace {

constexpr auto retry_interval = std::chrono::milliseconds(500);
/// How often the clock and the files are looked at.
constexpr auto look_interval = std::chrono::seconds(1);
constexpr auto line_interval = std::chrono::minutes(1);

/// Whether this connection cannot write the file any more, however often it tries. A disk that is
/// full, or fails, is another matter: see persistence/README.md.
bool is_lost_with(const DatabaseError& error) {
  const int primary = error.code & 0xFF;
  return error.damaged() || primary == SQLITE_READONLY || primary == SQLITE_CANTOPEN;
}

std::uint64_t microseconds_of(std::chrono::steady_clock::duration duration) {
  return static_cast<std::uint64_t>(std::chrono::ceil<std::chrono::microseconds>(duration).count());
}

}  // namespace

Writer::Writer(Store& store, broker::Log& log, Done done)
    : store_(store), log_(log), done_(std::move(done)) {
  // Signals are for the thread that waits for them.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  sigdelset(&all, SIGBUS);  // a fault of this very thread: its handler tells of a file that was cut
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Writer::~Writer() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  bell_.notify_one();
  thread_.join();
}

void Writer::submit(broker::ShardIndex shard, broker::JournalBatch batch) {
  {
    const std::lock_guard lock(mutex_);
    if (submitted_.empty()) submitted_since_ = std::chrono::steady_clock::now();
    submitted_.push_back({shard, std::move(batch)});
  }
  bell_.notify_one();
}

WriterFigures Writer::figures() const {
  const std::lock_guard lock(mutex_);
  WriterFigures now = figures_;
  now.waiting = committing_ + submitted_.size();
  if (now.waiting > 0) {
    const Time oldest = committing_ > 0 ? committing_since_ : submitted_since_;
    now.lag_microseconds = microseconds_of(std::chrono::steady_clock::now() - oldest);
  }
  return now;
}

void Writer::run() {
  store_.lengthen_log();
  for (;;) {
    std::vector<Submitted> batches;
    std::vector<RenewalPortion> portions;
    {
      std::unique_lock lock(mutex_);
      bell_.wait_for(lock, look_interval,
                     [this] { return ending_ || !submitted_.empty() || !portions_.empty(); });
      if (ending_ && (submitted_.empty() || state_ != State::writing)) break;
      batches.swap(submitted_);
      portions.swap(portions_);
      committing_ = batches.size();
      committing_since_ = submitted_since_;
    }
    look_around();
    // Batches that come while the store is lost or renewed are part of its new rows.
    const State now = state();
    if (now == State::writing && !batches.empty()) commit_until_done(batches);
    if (now == State::renewing) go_on_renewing(portions);
    const std::lock_guard lock(mutex_);
    committing_ = 0;
  }
  if (renewal_ != nullptr) store_.roll_back();
}

void Writer::renew(std::uint32_t shards, RenewalAsk ask) {
  const std::lock_guard lock(mutex_);
  assert(state_ == State::lost);
  submitted_.clear();
  portions_.clear();
  renewal_ = std::make_unique<Renewal>(store_, log_, ++renewal_number_, shards, std::move(ask));
  state_ = State::renewing;
}

void Writer::give(RenewalPortion portion) {
  {
    const std::lock_guard lock(mutex_);
    if (state_ != State::renewing) return;
    portions_.push_back(std::move(portion));
  }
  bell_.notify_one();
}

bool Writer::wait_renewed(std::chrono::milliseconds most) {
  std::unique_lock lock(mutex_);
  return renewed_.wait_for(lock, most, [this] { return state_ != State::renewing; });
}

void Writer::go_on_renewing(const std::vector<RenewalPortion>& portions) {
  assert(renewal_ != nullptr);
  for (const RenewalPortion& portion : portions) {
    if (auto done = renewal_->take(portion); !done) {
      return fail_renewal(store_.not_renewed(done.error()));
    }
  }
  if (renewal_->is_complete()) end_renewal();
}

void Writer::end_renewal() {
  if (auto done = store_.commit_renewal(); !done) {
    return fail_renewal(store_.not_renewed(done.error()));
  }
  const std::vector<std::uint64_t>& positions = renewal_->positions();
  for (std::uint32_t i = 0; i < positions.size(); ++i) done_(broker::ShardIndex{i}, positions[i]);
  store_.settle_renewal();
  log_.write_event(broker::LogType::notice, {.event = broker::Event::store_renewal},
                   "The store " + store_.path() + " was written anew: " + renewal_->extent() + "." +
                       (store_.kept_as().empty()
                            ? ""
                            : " What stood there before was kept as " + store_.kept_as() + "."));
  renewal_.reset();
  const std::lock_guard lock(mutex_);
  begin_writing();
}

void Writer::fail_renewal(const std::string& sentence) {
  renewal_.reset();
  store_.roll_back();
  {
    const std::lock_guard lock(mutex_);
    state_ = State::lost;
  }
  renewed_.notify_all();
  not_renewed(sentence);
}

void Writer::commit_until_done(const std::vector<Submitted>& batches) {
  const auto begin = std::chrono::steady_clock::now();
  for (auto done = commit(batches); !done; done = commit(batches)) {
    if (is_lost_with(done.error())) return lose(store_.path() + ": " + done.error().what);
    if (!wait_to_try_again(done.error())) return;
    look_around();
    if (lost()) return;
  }
  const auto passed = std::chrono::steady_clock::now() - begin;
  count(batches, microseconds_of(passed));
  for (const Submitted& one : batches) done_(one.shard, one.batch.position);
  store_.tidy_up();
}

void Writer::look_around() {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_look_) return;
  const State state_now = state();
  if (state_now == State::lost) return;
  next_look_ = now + look_interval;
  if (const auto difference = store_.files_differ()) return lose(*difference);
  if (state_now == State::writing) store_.look_at_clock();
}

void Writer::lose(std::string_view what) {
  if (renewal_ != nullptr) store_.roll_back();
  renewal_.reset();
  const std::lock_guard lock(mutex_);
  state_ = State::lost;
  renewed_.notify_all();
  figures_.error = what;
  figures_.failing = true;
  next_line_ = {};
  tell_failure("The store is lost: " + figures_.error +
               ". Acknowledgements wait until all of it is written anew to " + store_.path() + ".");
}

bool Writer::lost() const { return state() == State::lost; }

Writer::State Writer::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Writer::not_renewed(const std::string& sentence) {
  const std::lock_guard lock(mutex_);
  ++figures_.failures;
  figures_.error = sentence;
  tell_failure(sentence + " Acknowledgements wait; trying again.");
}

void Writer::renewed() {
  const std::lock_guard lock(mutex_);
  assert(state_ == State::lost);
  submitted_.clear();
  begin_writing();
}

void Writer::begin_writing() {
  state_ = State::writing;
  renewed_.notify_all();
  ++figures_.renewals;
  figures_.error.clear();
  figures_.failing = false;
}

void Writer::tell_failure(const std::string& sentence) {
  const auto now = std::chrono::steady_clock::now();
  if (now < next_line_ && sentence == last_line_) return;
  next_line_ = now + line_interval;
  last_line_ = sentence;
  log_.write_event(broker::LogType::error, {.event = broker::Event::store_unwritable}, sentence);
}

Answer<void> Writer::commit(const std::vector<Submitted>& batches) {
  auto done = store_.begin();
  for (std::size_t i = 0; done && i < batches.size(); ++i) done = store_.write(batches[i].batch);
  if (done) done = store_.commit();
  if (!done) store_.roll_back();
  return done;
}

bool Writer::wait_to_try_again(const DatabaseError& error) {
  std::unique_lock lock(mutex_);
  ++figures_.failures;
  figures_.error = error.what;
  if (!std::exchange(figures_.failing, true)) next_line_ = {};
  tell_failure("The store " + store_.path() + " cannot be written: " + error.what +
               ". Acknowledgements wait until it can; trying again.");
  return !bell_.wait_for(lock, retry_interval, [this] { return ending_; });
}

void Writer::count(const std::vector<Submitted>& batches, std::uint64_t microseconds) {
  const std::lock_guard lock(mutex_);
  ++figures_.commits;
  for (const Submitted& one : batches) {
    figures_.rows += one.batch.size();
    figures_.bytes += one.batch.bytes.size();
  }
  figures_.commit_microseconds = microseconds;
  figures_.commit.add(microseconds);
  committing_ = 0;
  figures_.error.clear();
  if (std::exchange(figures_.failing, false)) {
    log_.write_event(broker::LogType::notice, {.event = broker::Event::store_writable},
                     "The store " + store_.path() + " can be written again.");
  }
}

}  // namespace persistence
