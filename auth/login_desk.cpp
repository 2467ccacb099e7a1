#include "auth/login_desk.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace auth {
namespace {

using broker::LoginRequest;
using broker::Verdict;
using mqtt::Reason;

BackoffOptions backoff_options(const AuthenticatorOptions& options) {
  return {.first = options.backoff_first,
          .longest = options.backoff_max,
          .hash_spacing = options.hash_delay_max /
                          static_cast<int>(std::max<std::size_t>(1, options.held_for_hash_max)),
          .forget = options.backoff_forget,
          .pairs_max = options.failing_max};
}

Verdict refused(Reason reason, std::string_view why) { return {reason, nullptr, why}; }

}  // namespace

LoginDesk::LoginDesk(const AuthenticatorOptions& options)
    : options_(options),
      realms_(mac_, options.cached_max, {}),
      right_(options.cached_max),
      wrong_(options.rejected_max),
      backoff_(backoff_options(options)) {}

// ---- a login comes in ---------------------------------------------------------------------------

std::optional<Verdict> LoginDesk::verify(LoginRequest request, broker::LoginDone done, Time now) {
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
  return judge(std::move(request), std::move(done), now);
}

/// Decides a login with user name and password: from the cache, or by a hash.
std::optional<Verdict> LoginDesk::judge(LoginRequest request, broker::LoginDone done, Time now) {
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
    join(*job, key, std::move(waiter), now);
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
  if (job.known_wrong) return answer_later(key, std::move(job), now);
  return backoff_.must_wait(pair, now) ? start_later(key, std::move(job), now)
                                       : start(key, std::move(job), now);
}

/// Adds a login to the job of the same credential. If the job is held back and this login need not
/// wait, the job starts now, with all of its logins.
void LoginDesk::join(LoginJob& job, const Mac& key, LoginWaiter waiter, Time now) {
  ++statistics_.coalesced;
  const bool hurries = jobs_.is_held(key) && !job.known_wrong &&
                       jobs_.queued() < options_.queued_max &&
                       !backoff_.must_wait(waiter.pair, now);
  jobs_.join(job, std::move(waiter));
  if (!hurries) return;
  jobs_.hurry(key);
  needs_thread_ = true;
}

std::optional<Verdict> LoginDesk::start(const Mac& key, LoginJob job, Time now) {
  if (jobs_.queued() >= options_.queued_max) return busy("too many logins are waiting");
  job.answer_due = backoff_.admit(job.pair, now).answer;
  jobs_.queue(key, std::move(job));
  needs_thread_ = true;
  return std::nullopt;
}

/// Holds back the hash of a login if its pair failed before.
std::optional<Verdict> LoginDesk::start_later(const Mac& key, LoginJob job, Time now) {
  if (jobs_.held() >= options_.held_max ||
      jobs_.held_for_hash(job.pair) >= options_.held_for_hash_max) {
    return busy("too many failed logins");
  }
  const Backoff::Slot slot = backoff_.admit(job.pair, now);
  job.answer_due = slot.answer;
  jobs_.hold(key, std::move(job), slot.hash);
  needs_thread_ = true;  // this one may be due before all others
  return std::nullopt;
}

/// Holds back the answer to a credential that was found wrong not long ago: it costs no hash. If
/// many answers are held already, this one is given at once: it tells a guesser nothing new.
std::optional<Verdict> LoginDesk::answer_later(const Mac& key, LoginJob job, Time now) {
  const Time due = backoff_.repeat(job.pair, now);
  if (!may_hold_answer(job.pair)) return judged(job, job.waiters.front().realm, Match::no);
  job.password.wipe();
  job.judged_waiters = job.waiters.size();
  jobs_.hold(key, std::move(job), due);
  needs_thread_ = true;  // this one may be due before all others
  return std::nullopt;
}

bool LoginDesk::may_hold_answer(const Mac& pair) const {
  return jobs_.held() < options_.held_max &&
         jobs_.held_for_answer(pair) < options_.held_for_answer_max;
}

// ---- a thread takes it up -----------------------------------------------------------------------

std::optional<LoginDesk::Task> LoginDesk::next(Time now) {
  jobs_.release_due(now);
  const std::optional<Mac> key = jobs_.next();
  if (!key) return std::nullopt;
  LoginJob& job = *jobs_.find(*key);  // stays where it is until finish() takes it
  if (job.known_wrong) return Task{*key, std::nullopt};
  return Task{*key, Task::Hashing{job.hash, std::move(job.password)}};
}

LoginDesk::Answers LoginDesk::finish(const Mac& key, Match match, Time now) {
  LoginJob job = jobs_.take(key);
  if (!job.known_wrong) ++statistics_.hashes_computed;
  if (match == Match::yes && !job.user_known) match = Match::no;
  remember(key, job, match, now);
  Answers answers;
  if (match == Match::no && job.answer_due > now && may_hold_answer(job.pair)) {
    job.known_wrong = true;
    const Time due = job.answer_due;
    jobs_.hold(key, std::move(job), due);
    needs_thread_ = true;  // this one may be due before all others
    return answers;
  }
  answers.reserve(job.waiters.size());
  for (LoginWaiter& waiter : job.waiters) {
    answers.push_back({std::move(waiter.done), judged(job, waiter.realm, match)});
  }
  return answers;
}

void LoginDesk::remember(const Mac& key, LoginJob& job, Match match, Time now) {
  if (match == Match::failed) return;
  (match == Match::yes ? right_ : wrong_).put(key, true);
  for (; job.judged_waiters < job.waiters.size(); ++job.judged_waiters) {
    const Mac& pair = job.waiters[job.judged_waiters].pair;
    if (match == Match::yes) {
      backoff_.succeeded(pair);
    } else if (pair != job.pair) {  // that one was counted when it came
      backoff_.failed(pair, now);
    }
  }
}

/// The answer for one of the logins of `job`, by the realm's current content.
Verdict LoginDesk::judged(const LoginJob& job, RealmId realm, Match match) {
  if (match == Match::failed) {
    return refused(Reason::server_unavailable, "the password hash could not be computed");
  }
  if (match == Match::no) {
    ++statistics_.failures;
    return refused(Reason::not_authorized, job.user_known ? "wrong password" : "unknown user");
  }
  const PasswordFile* passwords = realms_.of(realm).passwords();
  const PasswordHash* hash = passwords == nullptr ? nullptr : passwords->find(job.user);
  if (hash == nullptr || hash->text() != job.hash.text()) {
    return refused(Reason::not_authorized, "the password file changed meanwhile");
  }
  return admitted(realm, job.user);
}

LoginDesk::Answers LoginDesk::abandon() {
  Answers answers;
  for (LoginJob& job : jobs_.take_all()) {
    for (LoginWaiter& waiter : job.waiters) {
      answers.push_back(
          {std::move(waiter.done), refused(Reason::server_shutting_down, "shutting down")});
    }
  }
  return answers;
}

Verdict LoginDesk::admitted(RealmId realm, const std::optional<std::string>& user) {
  return {Reason::success, realms_.permissions(realm, user), {}};
}

Verdict LoginDesk::busy(std::string_view why) {
  ++statistics_.refused_busy;
  return refused(Reason::server_busy, why);
}

AuthenticatorStatistics LoginDesk::statistics() const {
  AuthenticatorStatistics now = statistics_;
  now.queued = jobs_.queued();
  now.held = jobs_.held();
  now.waiting = jobs_.waiting();
  return now;
}

}  // namespace auth
