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
  std::chrono::seconds forget{600};  ///< a pair that is quiet for so long starts afresh
  std::size_t pairs_max = 8192;
};

/// Decides when the next guess of somebody who guesses may be looked at.
///
/// Shape      (address, user) as a MAC -> number of failures, and the time of the next slot.
/// Invariant  Guesses of one pair, however many connections make them, get slots that lie apart by
///            what the failures so far have earned. A guess counts as failed until succeeded() says
///            otherwise, so that a burst of them is spread out too.
/// Threads    None: guarded by the Authenticator.
class Backoff {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit Backoff(const BackoffOptions& options)
      : options_(options), pairs_(std::max<std::size_t>(1, options.pairs_max)) {}

  /// Takes a slot for a guess that costs a hash.
  ///
  /// Returns   When it may be looked at: `now` for a pair without failures.
  [[nodiscard]] Time admit(const Mac& pair, Time now);

  /// Counts a guess that is known to be wrong and costs nothing. It takes no slot from others, so
  /// a device with an old password does not lock out its neighbours.
  ///
  /// Returns   When it is to be answered: `now` for the first failure.
  [[nodiscard]] Time repeat(const Mac& pair, Time now);

  /// Would admit() say to wait?
  [[nodiscard]] bool must_wait(const Mac& pair, Time now);

  /// Counts a guess for which no slot was taken.
  void failed(const Mac& pair, Time now);

  /// Forgets the pair's failures.
  void succeeded(const Mac& pair) { pairs_.erase(pair); }

 private:
  struct Pair {
    std::uint32_t failures = 0;
    Time next_slot;
    Time seen;
  };
  Pair& touch(const Mac& pair, Time now);
  [[nodiscard]] std::chrono::milliseconds delay_after(std::uint32_t failures) const;

  BackoffOptions options_;
  LruMap<Mac, Pair, MacHash> pairs_;
};

}  // namespace auth
