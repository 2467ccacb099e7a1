// auth/authenticator_statistics.h
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/core/figure.h"

namespace auth {

/// Counters since the start, and the current numbers of waiting logins.
struct AuthenticatorStatistics {
  std::uint64_t hashes_computed = 0;
  std::uint64_t cache_hits = 0;
  std::uint64_t coalesced = 0;  ///< logins that joined one already under way
  std::uint64_t refused_busy = 0;
  std::uint64_t failures = 0;  ///< wrong password or unknown user
  std::size_t queued = 0;
  std::size_t held = 0;
  std::size_t waiting = 0;
  std::size_t hash_memory_bytes = 0;  ///< kept by the threads that hash; see HashMemory
};

/// A row for each of them.
[[nodiscard]] broker::FigureTable<AuthenticatorStatistics> login_figures() noexcept;

}  // namespace auth
