#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "auth/keyed_mac.h"
#include "auth/lru_map.h"

namespace auth {

struct BackoffOptions {
  std::chrono::milliseconds first{100};  ///< after one failure; doubles with each further one
  std::chrono::milliseconds longest{5000};
  std::chrono::milliseconds hash_spacing{250};  ///< between two hashes of a pair, at most
  std::chrono::seconds forget{600};             ///< a pair that is quiet for so long starts afresh
  std::size_t pairs_max = 8192;
};

/// Decides when the next guess of a pair is hashed, and when it is answered.
///
/// Shape      (address, user) as a MAC -> number of failures, and the times of the next slots.
/// Invariant  The intervals between answers to guesses of one pair, on any number of connections,
///            grow with its failures, up to `longest`. Their hashes are no more than `hash_spacing`
///            apart: the right password, which only its hash tells from a wrong one, does not wait
///            for the answers to wrong ones. A guess counts as failed until succeeded() is called
///            for it, so that a burst of them is spread out too.
/// Threads    None: guarded by the Authenticator.
class Backoff {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Backoff(const BackoffOptions& options)
      : options_(options), pairs_(std::max<std::size_t>(1, options.pairs_max)) {}

  /// The times of one guess.
  struct Slot {
    Time hash;    ///< when it may be hashed; if it is right, it is answered then
    Time answer;  ///< when it is answered if it is wrong
  };

  /// Takes a slot for a guess that costs a hash.
  ///
  /// Returns   `now` twice for a pair without failures.
  [[nodiscard]] Slot admit(const Mac& pair, Time now);

  /// Counts a guess that is known to be wrong and costs nothing. It takes no slot from others, so
  /// a device with an old password does not lock out its neighbours.
  ///
  /// Returns   When it is to be answered: `now` for the first failure.
  [[nodiscard]] Time repeat(const Mac& pair, Time now);

  /// Would admit() say to wait, with the hash or with the answer?
  [[nodiscard]] bool must_wait(const Mac& pair, Time now);

  /// Counts a guess for which no slot was taken.
  void failed(const Mac& pair, Time now);

  /// Forgets the pair's failures.
  void succeeded(const Mac& pair) { pairs_.erase(pair); }

 private:
  struct Pair {
    std::uint32_t failures = 0;
    Time next_hash;  // never after next_answer
    Time next_answer;
    Time seen;
  };
  Pair& touch(const Mac& pair, Time now);
  [[nodiscard]] std::chrono::milliseconds delay_after(std::uint32_t failures) const;

  BackoffOptions options_;
  LruMap<Mac, Pair, MacHash> pairs_;
};

}  // namespace auth
