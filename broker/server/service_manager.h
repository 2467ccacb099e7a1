// broker/server/service_manager.h
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/log.h"
#include "broker/server/watchdog.h"

namespace transport {
class Loops;
}

namespace server {

/// Tells systemd how the broker is: a service of Type=notify, with or without WatchdogSec=.
///
/// Shape      Each message is one datagram to the socket that the environment names. Without such
///            a socket nothing happens, and nothing is watched.
/// Lifetime   watch() once the loops run; they outlive the last look().
/// Threads    The main thread.
/// Source     sd_notify(3), sd_watchdog_enabled(3).
class ServiceManager {
 public:
  explicit ServiceManager(broker::Log& log) : log_(log) {}

  /// The broker serves; `status` says it in words.
  void ready(std::string_view status);
  /// A reload begins. It ends with ready().
  void reloading();
  void stopping();

  /// From now on look() tells systemd that the broker lives while all `count` loops answer, if
  /// systemd wants to know.
  void watch(transport::Loops& loops, std::uint32_t count);
  /// Tells systemd that the broker lives, while the main thread waits for long work and does not
  /// look at the loops.
  void goes_on() const;
  /// To be called at least as often as sooner_milliseconds() says.
  void look(broker::Instant now);
  /// `wait`, or how long at most until the next look().
  [[nodiscard]] std::int64_t sooner_milliseconds(std::int64_t wait_milliseconds) const;

 private:
  broker::Log& log_;
  std::optional<Watchdog> watchdog_;  // none: systemd does not ask for it
};

}  // namespace server
