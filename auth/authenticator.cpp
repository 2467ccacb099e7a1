#include "auth/authenticator.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <sys/resource.h>
#include <thread>
#include <utility>

#include "auth/backoff.h"
#include "auth/giving_way.h"
#include "auth/hash_memory.h"
#include "auth/keyed_mac.h"
#include "auth/login_jobs.h"
#include "auth/lru_map.h"
#include "auth/realm_table.h"

namespace auth {
namespace {

using Clock = std::chrono::steady_clock;
using broker::LoginRequest;
using broker::Secret;
using broker::Verdict;
using mqtt::Reason;

struct Delivery {
  broker::LoginDone done;
  Verdict answer;
};

std::size_t thread_count(std::size_t wanted) {
  if (wanted > 0) return wanted;
  return std::max<std::size_t>(1, std::thread::hardware_concurrency() / 2);
}

/// Loops come first where they share a core with hashing. Linux has a nice value for each thread.
void step_back() {
  constexpr int nice = 10;
  constexpr id_t this_thread = 0;
  static_cast<void>(::setpriority(PRIO_PROCESS, this_thread, nice));
}

BackoffOptions backoff_options(const AuthenticatorOptions& options) {
  return {.first = options.backoff_first,
          .longest = options.backoff_max,
          .hash_spacing = options.hash_delay_max /
                          static_cast<int>(std::max<std::size_t>(1, options.held_for_hash_max)),
          .forget = options.backoff_forget,
          .pairs_max = options.failing_max};
}

void deliver(std::vector<Delivery> deliveries) {
  for (Delivery& delivery : deliveries) delivery.done(std::move(delivery.answer));
}

}  // namespace

class Authenticator::State {
 public:
  explicit State(AuthenticatorOptions options);
  ~State();
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  std::optional<Verdict> verify(LoginRequest request, broker::LoginDone done);
  std::vector<RealmChange> replace_realms(std::vector<std::shared_ptr<const Realm>> realms);
  RealmTable::Sheet permissions(RealmId realm, const std::optional<std::string>& user);
  AuthenticatorStatistics statistics() const;

 private:
  std::optional<Verdict> judge(LoginRequest request, broker::LoginDone done);
  void join(LoginJob& job, const Mac& key, LoginWaiter waiter);
  std::optional<Verdict> start(const Mac& key, LoginJob job);
  std::optional<Verdict> start_later(const Mac& key, LoginJob job);
  std::optional<Verdict> answer_later(const Mac& key, LoginJob job);
  bool may_hold_answer(const Mac& pair) const;

  void work();
  void wait(HashMemory& memory, Clock::time_point idle_from, std::unique_lock<std::mutex>& lock);
  void run(const Mac& key, HashMemory& memory, std::unique_lock<std::mutex>& lock);
  Match compute(const PasswordHash& hash, const Secret& password, HashMemory& memory) const;
  std::vector<Delivery> finish(const Mac& key, Match match);
  void remember(const Mac& key, LoginJob& job, Match match);
  Verdict judged(const LoginJob& job, RealmId realm, Match match);
  std::vector<Delivery> abandon();

  Verdict admitted(RealmId realm, const std::optional<std::string>& user);
  Verdict refused(Reason reason, std::string_view why) const;
  Verdict busy(std::string_view why);

  const AuthenticatorOptions options_;
  const KeyedMac mac_;

  std::mutex replacing_;      // held while realms_ is compared and replaced; taken before mutex_
  mutable std::mutex mutex_;  // guards all that follows, up to threads_
  std::condition_variable wake_;
  bool stopping_ = false;
  RealmTable realms_;
  LoginJobs jobs_;
  LruMap<Mac, bool, MacHash> right_;
  LruMap<Mac, bool, MacHash> wrong_;
  Backoff backoff_;
  AuthenticatorStatistics statistics_;

  std::vector<std::thread> threads_;
};

Authenticator::State::State(AuthenticatorOptions options)
    : options_(std::move(options)),
      realms_(mac_, options_.cached_max, {}),
      right_(options_.cached_max),
      wrong_(options_.rejected_max),
      backoff_(backoff_options(options_)) {
  const std::size_t count = thread_count(options_.threads);
  threads_.reserve(count);
  for (std::size_t i = 0; i < count; ++i)
    threads_.emplace_back([this] {
      step_back();
      work();
    });
}

Authenticator::State::~State() {
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  for (std::thread& thread : threads_) thread.join();
  deliver(abandon());
}

// ---- a login comes in ---------------------------------------------------------------------------

std::optional<Verdict> Authenticator::State::verify(LoginRequest request, broker::LoginDone done) {
  const std::scoped_lock lock(mutex_);
  // Before 5.0 an empty user name is how some libraries say that there is none.
  if (request.user && request.user->empty()) request.user.reset();
  const RealmId id{request.listener};
  const Realm& realm = realms_.of(id);
  if (request.verified && request.user) return admitted(id, request.user);
  if (!request.user) {
    return realm.allow_anonymous() ? admitted(id, request.user)
                                   : refused(Reason::not_authorized, "no user name");
  }
  if (realm.passwords() == nullptr) {
    return realm.allow_anonymous()
               ? admitted(id, request.user)
               : refused(Reason::not_authorized, "there is no password file to check against");
  }
  if (!request.password) return refused(Reason::not_authorized, "no password");
  // Whatever the file holds: mosquitto_passwd hashes an empty password without a word.
  if (request.password->size() == 0) return refused(Reason::not_authorized, "empty password");
  return judge(std::move(request), std::move(done));
}

/// Decides a login with user name and password: from the cache, or by a hash.
std::optional<Verdict> Authenticator::State::judge(LoginRequest request, broker::LoginDone done) {
  const RealmId realm{request.listener};
  const PasswordFile& passwords = *realms_.of(realm).passwords();
  const PasswordHash* known = passwords.find(*request.user);
  const PasswordHash& hash = known != nullptr ? *known : passwords.decoy();
  const Mac key = mac_.of({"credential", hash.text(), *request.user, request.password->text()});
  if (right_.find(key) != nullptr) {
    ++statistics_.cache_hits;
    return admitted(realm, request.user);
  }
  const Mac pair = mac_.of({"pair", request.address, *request.user});
  if (jobs_.waiting() >= options_.waiting_max || jobs_.bytes() >= options_.waiting_bytes_max) {
    return busy("too many logins are waiting");
  }
  LoginWaiter waiter{realm, pair, std::move(done)};
  if (LoginJob* job = jobs_.find(key)) {
    join(*job, key, std::move(waiter));
    return std::nullopt;
  }
  LoginJob job{hash,
               std::move(*request.user),
               known != nullptr,
               wrong_.find(key) != nullptr,
               std::move(*request.password),
               pair,
               {},
               {},
               0};
  job.waiters.push_back(std::move(waiter));
  if (job.known_wrong) return answer_later(key, std::move(job));
  return backoff_.must_wait(pair, Clock::now()) ? start_later(key, std::move(job))
                                                : start(key, std::move(job));
}

/// Adds a login to the job of the same credential. If the job is held back and this login need not
/// wait, the job starts now, with all of its logins.
void Authenticator::State::join(LoginJob& job, const Mac& key, LoginWaiter waiter) {
  ++statistics_.coalesced;
  const bool hurries = jobs_.is_held(key) && !job.known_wrong &&
                       jobs_.queued() < options_.queued_max &&
                       !backoff_.must_wait(waiter.pair, Clock::now());
  jobs_.join(job, std::move(waiter));
  if (!hurries) return;
  jobs_.hurry(key);
  wake_.notify_one();
}

std::optional<Verdict> Authenticator::State::start(const Mac& key, LoginJob job) {
  if (jobs_.queued() >= options_.queued_max) return busy("too many logins are waiting");
  job.answer_due = backoff_.admit(job.pair, Clock::now()).answer;
  jobs_.queue(key, std::move(job));
  wake_.notify_one();
  return std::nullopt;
}

/// Holds back the hash of a login if its pair failed before.
std::optional<Verdict> Authenticator::State::start_later(const Mac& key, LoginJob job) {
  if (jobs_.held() >= options_.held_max ||
      jobs_.held_for_hash(job.pair) >= options_.held_for_hash_max) {
    return busy("too many failed logins");
  }
  const Backoff::Slot slot = backoff_.admit(job.pair, Clock::now());
  job.answer_due = slot.answer;
  jobs_.hold(key, std::move(job), slot.hash);
  wake_.notify_one();  // this one may be due before all others
  return std::nullopt;
}

/// Holds back the answer to a credential that was found wrong not long ago: it costs no hash. If
/// many answers are held already, this one is given at once: it tells a guesser nothing new.
std::optional<Verdict> Authenticator::State::answer_later(const Mac& key, LoginJob job) {
  const Clock::time_point due = backoff_.repeat(job.pair, Clock::now());
  if (!may_hold_answer(job.pair)) return judged(job, job.waiters.front().realm, Match::no);
  job.password.wipe();
  job.judged_waiters = job.waiters.size();
  jobs_.hold(key, std::move(job), due);
  wake_.notify_one();  // this one may be due before all others
  return std::nullopt;
}

bool Authenticator::State::may_hold_answer(const Mac& pair) const {
  return jobs_.held() < options_.held_max &&
         jobs_.held_for_answer(pair) < options_.held_for_answer_max;
}

// ---- a thread takes it up -----------------------------------------------------------------------

void Authenticator::State::work() {
  HashMemory memory;
  Clock::time_point idle_from;
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    jobs_.release_due(Clock::now());
    if (const auto key = jobs_.next()) {
      if (jobs_.queued() > 0) wake_.notify_one();  // several may have come due at once
      run(*key, memory, lock);
      idle_from = Clock::now();
    } else {
      wait(memory, idle_from, lock);
    }
  }
}

/// Until there may be something to do. Memory goes back to the system when nobody has logged in for
/// a while.
void Authenticator::State::wait(HashMemory& memory, Clock::time_point idle_from,
                                std::unique_lock<std::mutex>& lock) {
  constexpr std::chrono::seconds kept{1};
  if (!memory.empty() && Clock::now() >= idle_from + kept) {
    statistics_.hash_memory_bytes -= memory.bytes();
    lock.unlock();
    memory.release();
    lock.lock();
    return;
  }
  auto until = jobs_.next_due();
  if (!memory.empty()) until = std::min(until.value_or(Clock::time_point::max()), idle_from + kept);
  if (until) {
    wake_.wait_until(lock, *until);
  } else {
    wake_.wait(lock);
  }
}

void Authenticator::State::run(const Mac& key, HashMemory& memory,
                               std::unique_lock<std::mutex>& lock) {
  LoginJob& job = *jobs_.find(key);  // stays where it is until finish() takes it
  Match match = Match::no;
  if (!job.known_wrong) {
    const Secret password = std::move(job.password);
    const PasswordHash hash = job.hash;
    const std::size_t kept_bytes = memory.bytes();
    lock.unlock();
    match = compute(hash, password, memory);
    lock.lock();
    statistics_.hash_memory_bytes += memory.bytes() - kept_bytes;
    ++statistics_.hashes_computed;
  }
  auto deliveries = finish(key, match);
  lock.unlock();
  deliver(std::move(deliveries));
  lock.lock();
}

Match Authenticator::State::compute(const PasswordHash& hash, const Secret& password,
                                    HashMemory& memory) const {
  const GivingWay giving_way;
  return options_.verify ? options_.verify(hash, password.text())
                         : hash.verify(password.text(), memory);
}

std::vector<Delivery> Authenticator::State::finish(const Mac& key, Match match) {
  LoginJob job = jobs_.take(key);
  if (match == Match::yes && !job.user_known) match = Match::no;
  remember(key, job, match);
  std::vector<Delivery> deliveries;
  if (match == Match::no && job.answer_due > Clock::now() && may_hold_answer(job.pair)) {
    job.known_wrong = true;
    const Clock::time_point due = job.answer_due;
    jobs_.hold(key, std::move(job), due);
    wake_.notify_one();  // this one may be due before all others
    return deliveries;
  }
  deliveries.reserve(job.waiters.size());
  for (LoginWaiter& waiter : job.waiters) {
    deliveries.push_back({std::move(waiter.done), judged(job, waiter.realm, match)});
  }
  return deliveries;
}

void Authenticator::State::remember(const Mac& key, LoginJob& job, Match match) {
  if (match == Match::failed) return;
  (match == Match::yes ? right_ : wrong_).put(key, true);
  for (; job.judged_waiters < job.waiters.size(); ++job.judged_waiters) {
    const Mac& pair = job.waiters[job.judged_waiters].pair;
    if (match == Match::yes) {
      backoff_.succeeded(pair);
    } else if (pair != job.pair) {  // that one was counted when it came
      backoff_.failed(pair, Clock::now());
    }
  }
}

/// The answer for one of the logins of `job`, by the realm's current content.
Verdict Authenticator::State::judged(const LoginJob& job, RealmId realm, Match match) {
  if (match == Match::failed) {
    return refused(Reason::server_unavailable, "the password hash could not be computed");
  }
  if (match == Match::no) {
    ++statistics_.failures;
    return refused(Reason::not_authorized, job.user_known ? "wrong password" : "unknown user");
  }
  const PasswordFile* passwords = realms_.of(realm).passwords();
  const PasswordHash* now = passwords == nullptr ? nullptr : passwords->find(job.user);
  if (now == nullptr || now->text() != job.hash.text()) {
    return refused(Reason::not_authorized, "the password file changed meanwhile");
  }
  return admitted(realm, job.user);
}

std::vector<Delivery> Authenticator::State::abandon() {
  const std::scoped_lock lock(mutex_);
  std::vector<Delivery> deliveries;
  for (LoginJob& job : jobs_.take_all()) {
    for (LoginWaiter& waiter : job.waiters) {
      deliveries.push_back(
          {std::move(waiter.done), refused(Reason::server_shutting_down, "shutting down")});
    }
  }
  return deliveries;
}

// ---- realms and statistics ----------------------------------------------------------------------

Verdict Authenticator::State::admitted(RealmId realm, const std::optional<std::string>& user) {
  return {Reason::success, realms_.permissions(realm, user), {}};
}

Verdict Authenticator::State::refused(Reason reason, std::string_view why) const {
  return {reason, nullptr, why};
}

Verdict Authenticator::State::busy(std::string_view why) {
  ++statistics_.refused_busy;
  return refused(Reason::server_busy, why);
}

std::vector<RealmChange> Authenticator::State::replace_realms(
    std::vector<std::shared_ptr<const Realm>> realms) {
  // realms_ changes here only, so this lock alone suffices to read it: no login waits meanwhile.
  const std::scoped_lock replacing(replacing_);
  RealmTable next(mac_, options_.cached_max, std::move(realms));
  std::vector<RealmChange> changes = realms_.changes_to(next);
  {
    const std::scoped_lock lock(mutex_);
    std::swap(realms_, next);
  }
  return changes;
}

RealmTable::Sheet Authenticator::State::permissions(RealmId realm,
                                                    const std::optional<std::string>& user) {
  const std::scoped_lock lock(mutex_);
  return realms_.permissions(realm, user);
}

AuthenticatorStatistics Authenticator::State::statistics() const {
  const std::scoped_lock lock(mutex_);
  AuthenticatorStatistics now = statistics_;
  now.queued = jobs_.queued();
  now.held = jobs_.held();
  now.waiting = jobs_.waiting();
  return now;
}

// ---- the door -----------------------------------------------------------------------------------

Authenticator::Authenticator(AuthenticatorOptions options)
    : state_(std::make_unique<State>(std::move(options))) {}

Authenticator::~Authenticator() = default;

std::optional<Verdict> Authenticator::verify(LoginRequest request, broker::LoginDone done) {
  return state_->verify(std::move(request), std::move(done));
}

std::vector<RealmChange> Authenticator::replace_realms(
    std::vector<std::shared_ptr<const Realm>> realms) {
  return state_->replace_realms(std::move(realms));
}

std::shared_ptr<const broker::Permissions> Authenticator::permissions(
    RealmId realm, const std::optional<std::string>& user) const {
  return state_->permissions(realm, user);
}

AuthenticatorStatistics Authenticator::statistics() const { return state_->statistics(); }

}  // namespace auth
