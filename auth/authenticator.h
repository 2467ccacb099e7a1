#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "auth/authenticator_statistics.h"
#include "auth/password_hash.h"
#include "broker/core/access.h"
#include "broker/core/login_done.h"

namespace auth {

class Realm;

/// A realm as the listeners name it: the number of the listener, and an index into the list given
/// to replace_realms(). A listener keeps its number over a reload.
enum class RealmId : std::uint32_t {};

/// Bounds and sizes. Each has a default that a small machine can live with.
struct AuthenticatorOptions {
  std::size_t threads = 0;          ///< that hash; 0 is half the cores, at least one
  std::size_t queued_max = 1024;    ///< credentials waiting for a thread; more are server_busy
  std::size_t waiting_max = 65536;  ///< logins waiting for an answer, all told
  std::size_t waiting_bytes_max = std::size_t{16} << 20U;  ///< of their user names and passwords
  std::size_t cached_max = 16384;                          ///< credentials known to be right
  std::size_t rejected_max = 1024;                         ///< credentials known to be wrong
  std::size_t failing_max = 8192;       ///< (address, user) pairs with remembered failures
  std::size_t held_max = 1024;          ///< credentials held back because their pair failed before
  std::size_t held_for_hash_max = 4;    ///< of one pair; more are server_busy
  std::size_t held_for_answer_max = 8;  ///< of one pair; more are answered at once
  std::chrono::milliseconds backoff_first{100};  ///< after the first failure; doubles each time
  std::chrono::milliseconds backoff_max{5000};
  std::chrono::milliseconds hash_delay_max{1000};  ///< for a guess of a pair that failed before
  std::chrono::seconds backoff_forget{600};  ///< a pair that is quiet for so long starts afresh

  /// Replaces PasswordHash::verify; for tests.
  std::function<Match(const PasswordHash&, std::string_view)> verify;
};

/// The changes that a reload made to the users of one realm.
struct RealmChange {
  RealmId realm{};
  std::vector<std::string> users;        ///< gone, or with another password: disconnect them
  std::vector<std::string> users_gone;   ///< have no line any more; sorted, as all of these lists
  std::vector<std::string> users_added;  ///< had none
  bool anonymous_refused = false;        ///< clients without a user name have to go
  bool unchecked_refused = false;        ///< users let in for want of a password file have to go
  bool access_changed = false;           ///< the ACL file changed: ask permissions() again
};

/// Answers logins, and keeps the costly hashing of passwords away from the loops.
///
/// Shape      verify() -> cache? -> same credential under way? -> pair failing? held : queue
///                                                      queue -> worker threads -> LoginDone
/// Invariant  One hash is computed per credential at a time, and remembered afterwards: 10,000
///            clients of one user that reconnect cost one hash. The cache is keyed by a MAC, under
///            a secret of the process, of (stored hash, user, password): it holds no password, and
///            an entry dies by itself when the user's line changes.
///            A wrong password from an (address, user) pair that failed before is not answered
///            before its time: 100 ms after the first failure, twice as long after each further
///            one, up to 5 s. Whether it is wrong is found out within a second, so that the right
///            password waits no longer than that for the wrong ones before it; four guesses of a
///            pair can wait for it at a time. They wait in a list and keep no thread busy.
///            A thread keeps the memory of its last hash, and returns it after a second without
///            logins.
/// Lifetime   The destructor ends the threads (each after the hash it is at) and answers every
///            login still waiting with server_shutting_down. Call nothing while it runs.
/// Threads    Every member may be called from any thread.
class Authenticator {
 public:
  explicit Authenticator(AuthenticatorOptions options);
  ~Authenticator();
  Authenticator(const Authenticator&) = delete;
  Authenticator& operator=(const Authenticator&) = delete;

  /// Judges a login by the realm of its listener. The password in `request` is wiped as soon as it
  /// has served.
  ///
  /// `done` is called once unless this answers: from a worker thread or the destructor, with no
  /// lock held. It must not throw, and must not call the destructor.
  ///
  /// Returns   The answer if no hash is needed for it (anonymous, known credential, no password,
  ///           an empty one, queue full): `done` is dropped then. Otherwise nothing, and `done` is
  ///           called later.
  /// Errors    As Mosquitto answers: not_authorized for no user, an unknown user and a wrong
  ///           password alike. server_busy if a queue is full; server_unavailable if the hash
  ///           could not be computed.
  [[nodiscard]] std::optional<broker::Verdict> verify(broker::LoginRequest request,
                                                      broker::LoginDone done);

  /// Puts new realms in the place of the old ones, all at once. A null entry lets nobody in.
  ///
  /// Cost      The changes are computed before any login has to wait for them. Callers wait for
  ///           each other.
  /// Returns   The changes of each earlier realm (also of those that are gone). Logins under way
  ///           are judged by the new realms. An answer that was given and is not used yet may be
  ///           one of the old realms: the caller asks again then.
  [[nodiscard]] std::vector<RealmChange> replace_realms(
      std::vector<std::shared_ptr<const Realm>> realms);

  /// The permissions of `user` now (nullopt: no user name). Null allows everything, as in
  /// broker::Verdict.
  ///
  /// Requires  A realm that exists; for one that does not, everything is refused.
  [[nodiscard]] std::shared_ptr<const broker::Permissions> permissions(
      RealmId realm, const std::optional<std::string>& user) const;

  [[nodiscard]] AuthenticatorStatistics statistics() const;

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace auth
