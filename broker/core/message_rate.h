// broker/core/message_rate.h
#pragma once

#include <bit>
#include <cstdint>

#include "broker/core/ids.h"

namespace broker {

/// The messages a second that one client has sent and was sent of late: PUBLISH packets both ways.
///
/// Shape      Counts of a window that has begun, and the rates of the window before it. RateWalk
///            calls next_window() from time to time.
/// Units      Messages a second.
/// Cost       An instruction with each message.
/// Threads    None.
class MessageRate final {
 public:
  struct Rates {
    double received = 0;  // from the client
    double sent = 0;      // to it
  };

  explicit MessageRate(Instant now) noexcept : begun_milliseconds_(low_bits(now)) {}

  void count_received() noexcept { ++received_; }
  void count_sent() noexcept { ++sent_; }
  /// Ends a window, and begins the next one.
  void next_window(Instant now) noexcept;
  /// The rates of the window that has begun, if it has lasted for two seconds, or else of the one
  /// before it: 0 for a client that has just come.
  [[nodiscard]] Rates rates(Instant now) const noexcept;

 private:
  /// The upper half of a float: right to half a per cent. Each connection has two.
  enum class Short : std::uint16_t {};
  [[nodiscard]] static Short shorten(double rate) noexcept {
    constexpr std::uint32_t half = 0x8000;
    const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(rate)) + half;
    return static_cast<Short>(bits >> 16U);
  }
  [[nodiscard]] static double widen(Short rate) noexcept {
    return std::bit_cast<float>(static_cast<std::uint32_t>(rate) << 16U);
  }
  /// Enough for a window: the difference of two of them is right for 49 days.
  [[nodiscard]] static std::uint32_t low_bits(Instant now) noexcept {
    return static_cast<std::uint32_t>(now.milliseconds);
  }

  std::uint32_t received_ = 0;  // in the window that has begun
  std::uint32_t sent_ = 0;
  std::uint32_t begun_milliseconds_;
  Short received_before_{};  // the rates of the window before it
  Short sent_before_{};
};
static_assert(sizeof(MessageRate) == 16);

}  // namespace broker
