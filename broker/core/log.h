// broker/core/log.h
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "broker/core/event.h"

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

/// The subject of a line, for destinations that print fields beside it.
///
/// Shape      Whole texts, as clients made them: any bytes, of any length. A destination cuts and
///            escapes them. Empty, 0 or absent: unknown, and not printed.
/// Lifetime   The texts are needed during the call only.
struct LogFields {
  Event event = Event::message;
  std::string_view client_id{};
  std::string_view user_name{};
  std::string_view address{};  // of the client itself, where a proxy names it
  std::uint16_t port = 0;
  std::optional<std::uint16_t> listener{};    // its number: Connection::listener
  std::optional<std::uint8_t> reason_code{};  // of MQTT 5.0
};

/// Where log lines go. The core formats a line only if enabled() says that a destination takes it.
///
/// Threads    write() and write_event() are safe from any thread; enabled() is
///            one load.
/// Errors     None: a line that cannot be written is lost, the broker goes on.
class Log {
 public:
  Log() = default;
  virtual ~Log() = default;
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  [[nodiscard]] virtual bool enabled(LogType type) const noexcept = 0;
  virtual void write(LogType type, std::string_view line) = 0;
  /// The same with fields; a log that has no place for them writes the line.
  virtual void write_event(LogType type, const LogFields& /*fields*/, std::string_view line) {
    write(type, line);
  }
};

}  // namespace broker
