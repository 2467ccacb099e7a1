// transport/proxy_cuts.h
#pragma once

#include <cstdint>
#include <optional>

#include "broker/core/ids.h"

namespace transport {

/// Notices that a proxy cuts connections: one after the other ends without DISCONNECT, each after
/// the same time. nginx does that after 60 seconds of silence (proxy_read_timeout) to clients with
/// a longer keep alive.
///
/// Shape      A row of lives that differ by no more than a second; one of another length begins a
///            new row. Ends that come together count once: that is a proxy that was restarted.
/// Threads    None. One for each loop.
class ProxyCuts {
 public:
  /// Shorter lives are those of clients that come, say one thing and go.
  static constexpr std::int64_t seconds_min = 10;
  static constexpr std::uint32_t ends_in_a_row = 5;
  /// Between two warnings.
  static constexpr std::int64_t pause_seconds = 3600;

  /// A connection through a proxy was closed from the other side, and the client had not said that
  /// it would go.
  ///
  /// Returns   After how many seconds connections end, where that is worth a line in the log.
  [[nodiscard]] std::optional<std::int64_t> ended(broker::Instant opened, broker::Instant now);

 private:
  std::int64_t seconds_ = 0;  // of the row's first
  broker::Instant last_;      // when an end counted
  std::uint32_t count_ = 0;
  broker::Instant next_;
};

}  // namespace transport
