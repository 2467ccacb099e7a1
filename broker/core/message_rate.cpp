#include "broker/core/message_rate.h"

namespace broker {

MessageRate::Rates MessageRate::rates(Instant now) const noexcept {
  constexpr std::uint32_t milliseconds_min = 2000;  // a shorter window shows bursts, not a rate
  const std::uint32_t milliseconds = low_bits(now) - begun_milliseconds_;
  if (milliseconds < milliseconds_min) return {widen(received_before_), widen(sent_before_)};
  const double windows_a_second = 1000.0 / milliseconds;
  return {received_ * windows_a_second, sent_ * windows_a_second};
}

void MessageRate::next_window(Instant now) noexcept {
  const Rates ended = rates(now);
  received_before_ = shorten(ended.received);
  sent_before_ = shorten(ended.sent);
  received_ = 0;
  sent_ = 0;
  begun_milliseconds_ = low_bits(now);
}

}  // namespace broker
