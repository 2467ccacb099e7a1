#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "broker/core/event.h"
#include "broker/core/ids.h"

namespace cluster {

/// Keeps lines about faults that last from filling the log: of an event and a subject (a reason, a
/// key) one line comes when its text is another than the last one, at most every
/// `interval_milliseconds`, and the same text again after `repeat_milliseconds`.
///
/// Invariant  `subjects_max` subjects at most; lines of others are held back.
/// Threads    None.
class LineFilter final {
 public:
  static constexpr std::int64_t interval_milliseconds = 10'000;
  static constexpr std::int64_t repeat_milliseconds = 600'000;
  static constexpr std::size_t subjects_max = 64;

  [[nodiscard]] bool admit(broker::Event event, std::uint8_t subject, std::string_view text,
                           broker::Instant now);
  /// The fault is over: the next line comes at once.
  void clear(broker::Event event, std::uint8_t subject) { last_.erase({event, subject}); }

 private:
  struct Last {
    std::string text;
    broker::Instant time;
  };
  std::map<std::pair<broker::Event, std::uint8_t>, Last> last_;
};

}  // namespace cluster
