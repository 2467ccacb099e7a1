// transport/descriptor_line.h
#pragma once

#include <atomic>
#include <cstdint>

#include "broker/core/ids.h"
#include "broker/core/log.h"

namespace transport {

/// The log line about a process without descriptors for more connections: one a minute at most,
/// over all loops.
///
/// Threads    Any.
class DescriptorLine {
 public:
  static constexpr std::int64_t interval_milliseconds = 60'000;

  DescriptorLine() = default;
  DescriptorLine(const DescriptorLine&) = delete;
  DescriptorLine& operator=(const DescriptorLine&) = delete;

  /// Writes the line, unless any loop did within the last minute.
  void write(broker::Log& log, broker::Instant now);

 private:
  std::atomic<std::int64_t> next_milliseconds_{0};
};

}  // namespace transport
