#include "transport/proxy_cuts.h"

#include <cstdlib>

namespace transport {

std::optional<std::int64_t> ProxyCuts::ended(broker::Instant opened, broker::Instant now) {
  constexpr std::int64_t milliseconds_per_second = 1000;
  const std::int64_t seconds = (now.milliseconds - opened.milliseconds) / milliseconds_per_second;
  if (seconds < seconds_min) return std::nullopt;
  const bool together = now.milliseconds - last_.milliseconds < milliseconds_per_second;
  if (together) return std::nullopt;
  last_ = now;
  if (count_ == 0 || std::abs(seconds - seconds_) > 1) {
    seconds_ = seconds;
    count_ = 0;
  }
  if (++count_ < ends_in_a_row || now < next_) return std::nullopt;
  next_ = broker::after_seconds(now, pause_seconds);
  return seconds_;
}

}  // namespace transport
