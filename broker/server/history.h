// broker/server/history.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <nlohmann/json.hpp>
#include <optional>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/server/sight.h"

namespace server {

/// One line of the history: a rate, a level, or a latency of one interval.
struct HistorySeries {
  /// `seconds` lie between the two.
  using Value = double (*)(const Sight& before, const Sight& now, double seconds);

  std::string_view name;
  std::string_view unit;  // "1/s", "bytes/s", "bytes", "microseconds" or "" for things
  Value value;
  std::string_view help;
};
inline constexpr std::size_t history_series_count = 16;
[[nodiscard]] const std::array<HistorySeries, history_series_count>& history_series() noexcept;

/// The last hour: a value of each series for each interval.
///
/// Bounds     samples_max, of some 150 bytes each.
/// Threads    The main thread.
class History {
 public:
  static constexpr std::int64_t interval_seconds = 10;
  static constexpr std::size_t samples_max = 360;

  /// Whether the next sample is due.
  [[nodiscard]] bool is_due(broker::Instant now) const noexcept { return now >= next_; }
  /// When it is.
  [[nodiscard]] broker::Instant next() const noexcept { return next_; }
  /// The sample was asked for: the next one is due an interval later.
  void begin(broker::Instant now) noexcept {
    next_ = broker::after_milliseconds(now, interval_seconds * 1000);
  }
  /// Takes a sample; the first one only begins an interval. `unix_seconds` is the time of day.
  void add(const Sight& sight, broker::Instant now, std::int64_t unix_seconds);
  /// The series with their values, oldest first.
  [[nodiscard]] nlohmann::ordered_json json() const;
  [[nodiscard]] std::size_t size() const noexcept { return samples_.size(); }

 private:
  struct Sample {
    std::int64_t unix_seconds = 0;
    std::array<float, history_series_count> values{};
  };
  struct Before {
    Sight sight;
    broker::Instant at;
  };

  broker::Instant next_;
  std::optional<Before> before_;
  std::deque<Sample> samples_;
};

/// The end of the bucket below which a share of the durations lies that `now` has and `before` has
/// not, in microseconds; 0 if there are none.
[[nodiscard]] double quantile(const broker::Histogram& before, const broker::Histogram& now,
                              double share) noexcept;

}  // namespace server
