// auth/login_desk.h
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/authenticator.h"
#include "auth/backoff.h"
#include "auth/keyed_mac.h"
#include "auth/login_jobs.h"
#include "auth/lru_map.h"
#include "auth/password_hash.h"
#include "auth/realm_table.h"
#include "broker/core/access.h"
#include "broker/core/login_done.h"
#include "broker/core/secret.h"

namespace auth {

/// Judges logins: at once, from its cache, or by a hash that another computes.
///
/// Shape      verify() -> an answer, or a job -> next() -> its hash is computed -> finish() ->
/// answers
///            A job with a delayed answer comes through next() once more, without a hash.
/// Invariant  Each login that verify() did not answer is answered once, by finish() or abandon().
/// Lifetime   Owns the passwords, until a task takes them, and the answers that are awaited.
/// Threads    None: guarded by the Authenticator. Time is an argument.
class LoginDesk {
 public:
  using Time = std::chrono::steady_clock::time_point;

  /// The next step of a job.
  struct Task {
    struct Hashing {
      PasswordHash hash;
      broker::Secret password;  // to compare with it
    };
    Mac key{};
    std::optional<Hashing> hashing;  // nothing: the password is known to be wrong
  };
  struct Answer {
    broker::LoginDone done;
    broker::Verdict verdict;
  };
  using Answers = std::vector<Answer>;  // to be given without a lock

  explicit LoginDesk(const AuthenticatorOptions& options);
  LoginDesk(const LoginDesk&) = delete;
  LoginDesk& operator=(const LoginDesk&) = delete;

  /// See Authenticator::verify().
  [[nodiscard]] std::optional<broker::Verdict> verify(broker::LoginRequest request,
                                                      broker::LoginDone done, Time now);
  /// The task to do next. Nothing: none is due.
  [[nodiscard]] std::optional<Task> next(Time now);
  /// The task with that key is done. `match` means nothing if there was no hash to compute.
  ///
  /// Returns   The answers to all logins of the job. None: they have to wait for their time.
  [[nodiscard]] Answers finish(const Mac& key, Match match, Time now);
  /// Ends all jobs, with server_shutting_down. No task may be under way.
  [[nodiscard]] Answers abandon();

  /// Whether there is a task that is due.
  [[nodiscard]] bool has_task() const noexcept { return jobs_.queued() > 0; }
  /// When the next job that is held back is due. Nothing: none is held.
  [[nodiscard]] std::optional<Time> next_due() const { return jobs_.next_due(); }
  /// Whether a thread that waits has to look again, since the last call.
  [[nodiscard]] bool take_needs_thread() noexcept { return std::exchange(needs_thread_, false); }

  /// A table for swap_realms(). Safe from any thread.
  [[nodiscard]] RealmTable make_realms(RealmTable::Realms realms) const {
    return {mac_, options_.cached_max, std::move(realms)};
  }
  [[nodiscard]] const RealmTable& realms() const noexcept { return realms_; }
  /// Logins are judged by `realms` from here on; gets the ones that were in force.
  void swap_realms(RealmTable& realms) { std::swap(realms_, realms); }
  [[nodiscard]] RealmTable::Sheet permissions(RealmId realm,
                                              const std::optional<std::string>& user) {
    return realms_.permissions(realm, user);
  }

  [[nodiscard]] AuthenticatorStatistics statistics() const;

 private:
  using Verdict = broker::Verdict;

  [[nodiscard]] std::optional<Verdict> judge(broker::LoginRequest request, broker::LoginDone done,
                                             Time now);
  void join(LoginJob& job, const Mac& key, LoginWaiter waiter, Time now);
  [[nodiscard]] std::optional<Verdict> start(const Mac& key, LoginJob job, Time now);
  [[nodiscard]] std::optional<Verdict> start_later(const Mac& key, LoginJob job, Time now);
  [[nodiscard]] std::optional<Verdict> answer_later(const Mac& key, LoginJob job, Time now);
  [[nodiscard]] bool may_hold_answer(const Mac& pair) const;
  void remember(const Mac& key, LoginJob& job, Match match, Time now);
  [[nodiscard]] Verdict judged(const LoginJob& job, RealmId realm, Match match);
  [[nodiscard]] Verdict admitted(RealmId realm, const std::optional<std::string>& user);
  [[nodiscard]] Verdict busy(std::string_view why);

  const AuthenticatorOptions& options_;
  const KeyedMac mac_;
  RealmTable realms_;
  LoginJobs jobs_;
  LruMap<Mac, bool, MacHash> right_;
  LruMap<Mac, bool, MacHash> wrong_;
  Backoff backoff_;
  AuthenticatorStatistics statistics_;  // but for the memory of threads
  bool needs_thread_ = false;
};

}  // namespace auth
