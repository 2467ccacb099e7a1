// transport/loop_counts.h
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "broker/core/figure.h"
#include "broker/core/histogram.h"
#include "broker/core/metrics.h"
#include "broker/wire/reason.h"
#include "transport/tls_failure.h"

namespace transport {

/// How a login ended.
enum class LoginResult : std::uint8_t {
  accepted,
  wrong,   ///< unknown user, wrong password, or no right to connect
  banned,  ///< its address is
  busy,    ///< too many waited
  other,
};
inline constexpr std::array<std::string_view, 5> login_result_names = {"accepted", "wrong",
                                                                       "banned", "busy", "other"};
[[nodiscard]] LoginResult login_result_of(mqtt::Reason reason) noexcept;

/// One loop's counts since the start; the sum over loops is shown.
struct LoopCounts {
  broker::Histogram turn;   // of the turns that are measured
  broker::Histogram route;  // from the first input of such a turn to its first output
  /// The same, and that time for output of other shards that mail of such a turn caused.
  broker::Histogram end_to_end;
  broker::Histogram login;  // from the question of a shard to its answer
  std::array<std::uint64_t, login_result_names.size()> logins{};       // by LoginResult
  std::array<std::uint64_t, tls_failure_names.size()> tls_failures{};  // of handshakes
};

/// A row for each of them.
[[nodiscard]] broker::FigureTable<LoopCounts> loop_count_figures() noexcept;

/// All that a loop and its shard count.
struct LoopReport {
  broker::Metrics shard;
  LoopCounts counts;
};

}  // namespace transport
