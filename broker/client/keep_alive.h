// broker/client/keep_alive.h
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "broker/core/ids.h"

namespace client {

using broker::Instant;

/// When PINGREQ is due, and when a server counts as gone (section 3.1.2.10).
///
/// Shape      PINGREQ is due when nothing was sent, or nothing received, for the length of the keep
///            alive: a connection that only sends would not notice that nobody is there. Any byte
///            from the server is a sign of life.
/// Threads    None.
class KeepAlive {
 public:
  enum class Due : std::uint8_t { nothing, ping, lost };

  /// `seconds`: 0: never.
  void begin(std::uint16_t seconds, std::int64_t pingresp_milliseconds, Instant now) {
    interval_milliseconds_ = std::int64_t{seconds} * 1000;
    pingresp_milliseconds_ = pingresp_milliseconds;
    sent_ = received_ = now;
    pinging_ = false;
  }
  void stop() noexcept { interval_milliseconds_ = 0; }
  void sent(Instant now) noexcept { sent_ = now; }
  void received(Instant now) noexcept {
    received_ = now;
    pinging_ = false;
  }
  /// The caller sends a PINGREQ, and says so.
  void pinged(Instant now) noexcept {
    sent_ = pinged_ = now;
    pinging_ = true;
  }
  [[nodiscard]] std::optional<Instant> next_wake() const noexcept {
    if (interval_milliseconds_ == 0) return std::nullopt;
    if (pinging_) return broker::after_milliseconds(pinged_, pingresp_milliseconds_);
    return broker::after_milliseconds(std::min(sent_, received_), interval_milliseconds_);
  }
  [[nodiscard]] Due due(Instant now) const noexcept {
    const auto wake = next_wake();
    if (!wake || now < *wake) return Due::nothing;
    return pinging_ ? Due::lost : Due::ping;
  }

 private:
  std::int64_t interval_milliseconds_ = 0;  // 0: off
  std::int64_t pingresp_milliseconds_ = 0;
  Instant sent_;
  Instant received_;
  Instant pinged_;
  bool pinging_ = false;  // and nothing has come since
};

}  // namespace client
