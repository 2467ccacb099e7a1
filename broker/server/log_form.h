// broker/server/log_form.h
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "broker/core/log.h"

namespace server {

// Forms of log lines.
//
// Threads    Any.

/// A form has no more bytes than that, the time of a text line aside.
inline constexpr std::size_t line_bytes_max = 4000;

/// Mosquitto's form: the line, cut to line_bytes_max between two characters of UTF-8, with control
/// characters as "\x0A". A client's text must not end a line nor reach a terminal.
[[nodiscard]] std::string text_form(std::string_view line);

/// `log_format json`: an object in one line.
///
/// Shape      {"time":"2026-11-30T12:57:44.123Z","level":"warning","event":"login_failed",
///            "client":"a","user":"b","address":"192.0.2.1","port":40000,"listener":"port 1883",
///            "reason_code":135,"message":"Client a ..."}: always in this order, and without
///            those of the fields that are unknown.
/// Invariant  Valid JSON and valid UTF-8, whatever bytes clients sent: a byte that is no UTF-8 is
///            U+FFFD. A text of a client has 200 bytes at most, and "..." behind them if that is
///            not all.
/// Requires   `time` and `listener` are not made by clients; empty: left out.
[[nodiscard]] std::string json_form(std::string_view time, broker::LogType type,
                                    const broker::LogFields& fields, std::string_view listener,
                                    std::string_view line);

/// "warning": the word of log_type.
[[nodiscard]] std::string_view level_of(broker::LogType type) noexcept;

/// RFC 3339 with milliseconds, in UTC: "2026-11-30T12:57:44.123Z".
[[nodiscard]] std::string utc_time(std::chrono::system_clock::time_point time);
/// The same in the time zone of the process: "2026-11-30T13:57:44.123+01:00".
[[nodiscard]] std::string local_time(std::chrono::system_clock::time_point time);

}  // namespace server
