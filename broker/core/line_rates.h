// broker/core/line_rates.h
#pragma once

#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>
#include <unordered_map>

#include "broker/core/ids.h"
#include "broker/core/line_rate.h"
#include "broker/core/log.h"

namespace broker {

/// Writes lines that clients can cause, of each kind only so many a second; the others are counted.
///
/// Shape      A kind is a place in the sources that writes. Errors, warnings, notices and
///            information have a rate; lines about every packet (debug, subscribe, unsubscribe)
///            have none: log_type asks for them.
/// Threads    None: one for each loop, and one for each shard.
class LineRates {
 public:
  static constexpr std::uint32_t lines_per_second = 100;

  /// Writes the pieces as one line, if such lines are read.
  void write(Log& log, LogType type, const LogFields& fields,
             std::initializer_list<std::string_view> pieces, Instant now,
             const std::source_location& place);
  /// To be called now and then: writes lines about those held back in a second that is over.
  void tell_held_back(Log& log, Instant now);

 private:
  struct Kind {
    LineRate rate{lines_per_second};
    LogType type = LogType::none;
    std::string last;  // line that was written
  };

  std::unordered_map<std::uint64_t, Kind> kinds_;  // by file and line
};

}  // namespace broker
