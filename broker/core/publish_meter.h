// broker/core/publish_meter.h
#pragma once

#include <cstdint>

#include "broker/core/timer_wheel.h"
#include "broker/core/token_bucket.h"

namespace broker {

/// The recent publishes of one client, if its listener limits them.
///
/// Lifetime   Made with the first PUBLISH that is counted; ends with the connection.
struct PublishMeter {
  PublishMeter(std::uint8_t timer_kind, void* connection) noexcept
      : timer(timer_kind, connection) {}
  TokenBucket messages;
  TokenBucket bytes;
  Timer timer;           // armed: nothing is read or handled before it fires
  bool delayed = false;  // the same in one bit
  bool told = false;     // the log knows
};

}  // namespace broker
