#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "auth/authenticator.h"
#include "auth/keyed_mac.h"
#include "auth/password_hash.h"
#include "broker/core/login_done.h"
#include "broker/core/secret.h"

namespace auth {

/// One login that waits for the answer of a LoginJob.
struct LoginWaiter {
  RealmId realm{};
  Mac pair{};  ///< of address and user
  broker::LoginDone done;
};

/// One credential that is being judged: held back, queued, or with a thread.
struct LoginJob {
  using Time = std::chrono::steady_clock::time_point;

  PasswordHash hash;  ///< to verify against
  std::string user;
  bool user_known = false;   ///< else the hash is a decoy, and nothing fits
  bool known_wrong = false;  ///< judged already: only the answer is delayed
  broker::Secret password;
  Mac pair{};  ///< of the login that came first
  std::vector<LoginWaiter> waiters;
  Time answer_due{};               ///< before then a wrong password is not answered
  std::size_t judged_waiters = 0;  ///< the first of `waiters`: their failure has been counted
};

/// The credentials under way, each once.
///
/// Shape      hold() -> (its time comes) -> queue -> next() -> running -> take()
///            queue() --------------------^
///            A job is held for its hash, or, if it is known to be wrong, for its answer.
/// Invariant  A job is in one of three states: held, queued, running. It keeps its place in memory
///            until take(), while waiters are added to it.
/// Lifetime   Owns jobs, their passwords and their completions.
/// Threads    None: guarded by the Authenticator.
class LoginJobs {
 public:
  using Time = LoginJob::Time;

  /// Returns   The job of that credential, in any state; null if there is none.
  [[nodiscard]] LoginJob* find(const Mac& key);
  [[nodiscard]] bool is_held(const Mac& key) const;

  /// Puts a new job at the end of the queue. Requires a key that is not under way.
  void queue(const Mac& key, LoginJob job);

  /// Keeps a new job back until `due`. Requires a key that is not under way.
  void hold(const Mac& key, LoginJob job, Time due);

  /// Adds a login to a job.
  void join(LoginJob& job, LoginWaiter waiter);

  /// Queues a held job at once.
  void hurry(const Mac& key);

  /// Queues the held jobs that are due.
  void release_due(Time now);

  /// When the next held job is due. Nothing: none is held.
  [[nodiscard]] std::optional<Time> next_due() const;

  /// Takes the first key off the queue: its job is running now. Nothing: the queue is empty.
  [[nodiscard]] std::optional<Mac> next();

  /// Ends a running job and hands it out.
  [[nodiscard]] LoginJob take(const Mac& key);

  /// Ends all of them, in any state. No thread may be running one.
  [[nodiscard]] std::vector<LoginJob> take_all();

  [[nodiscard]] std::size_t queued() const noexcept { return queue_.size(); }
  [[nodiscard]] std::size_t held() const noexcept { return held_.size(); }
  /// How many jobs of that pair are held for their hash, or for their answer.
  [[nodiscard]] std::size_t held_for_hash(const Mac& pair) const;
  [[nodiscard]] std::size_t held_for_answer(const Mac& pair) const;
  [[nodiscard]] std::size_t waiting() const noexcept { return waiting_; }
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  using Held = std::multimap<Time, Mac>;
  struct Entry {
    LoginJob job;
    std::optional<Held::iterator> held;
    std::size_t bytes = 0;
  };
  /// Of one pair. No pair is kept without a held job.
  struct HeldCount {
    std::size_t for_hash = 0;
    std::size_t for_answer = 0;
    [[nodiscard]] std::size_t& of(const LoginJob& job) {
      return job.known_wrong ? for_answer : for_hash;
    }
  };
  Entry& add(const Mac& key, LoginJob job);
  void release(const Mac& key, Entry& entry);

  std::unordered_map<Mac, Entry, MacHash> entries_;
  std::deque<Mac> queue_;
  Held held_;
  std::unordered_map<Mac, HeldCount, MacHash> held_per_pair_;
  std::size_t waiting_ = 0;  // logins of all jobs
  std::size_t bytes_ = 0;    // of user names and passwords of all jobs
};

}  // namespace auth
