// broker/client/backoff.h
#pragma once

#include <cstdint>

#include "broker/client/options.h"

namespace client {

/// How long to wait before the next connection.
///
/// Shape      Decorrelated jitter: each wait lies between the first and three times the one before,
///            and no wait is longer than the longest. Without a longest all are as the first.
/// Units      Milliseconds.
/// Threads    None. The same seed gives the same waits.
class Backoff {
 public:
  Backoff(const ReconnectOptions& options, std::uint64_t seed) noexcept
      : first_(options.first_milliseconds),
        longest_(options.longest_milliseconds),
        last_(first_),
        random_(seed) {}

  [[nodiscard]] std::int64_t next_delay() noexcept;
  /// A server has accepted the client: waits begin short again.
  void reset() noexcept { last_ = first_; }

 private:
  [[nodiscard]] std::uint64_t random() noexcept;

  std::int64_t first_;
  std::int64_t longest_;  // 0: constant
  std::int64_t last_;
  std::uint64_t random_;
};

}  // namespace client
