// broker/core/log.h
#pragma once

#include <cstdint>
#include <string_view>

namespace broker {

/// Kinds of log lines, one bit each: Mosquitto's `log_type` names.
enum class LogType : std::uint32_t {
  none = 0,
  information = 1U << 0U,
  notice = 1U << 1U,
  warning = 1U << 2U,
  error = 1U << 3U,
  debug = 1U << 4U,
  subscribe = 1U << 5U,
  unsubscribe = 1U << 6U,
  websockets = 1U << 7U,
  internal = 1U << 8U,
};

/// Where log lines go. The core formats a line only if enabled() says that a destination takes it.
///
/// Threads    write() is safe from any thread; enabled() is one load.
/// Errors     None: a line that cannot be written is lost, the broker goes on.
class Log {
 public:
  Log() = default;
  virtual ~Log() = default;
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] virtual bool enabled(LogType type) const noexcept = 0;
  virtual void write(LogType type, std::string_view line) = 0;
};

}  // namespace broker
