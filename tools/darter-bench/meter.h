#pragma once

#include <cstdint>
#include <string_view>
#include <sys/types.h>

#include "tools/darter-bench/clock.h"
#include "tools/darter-bench/report.h"

namespace bench {

/// The resources that a process has used up to a moment.
struct Reading {
  Nanoseconds time = 0;              // when
  Nanoseconds cpu = 0;               // of the broker: all threads, user and system
  Nanoseconds own_cpu = 0;           // of this process
  std::uint64_t resident_bytes = 0;  // of the broker
};

/// Measures the broker's process from outside.
class Meter {
 public:
  /// With a process number of 0 there is nobody to measure: readings have no CPU and no memory.
  explicit Meter(pid_t broker) : broker_(broker) {}

  [[nodiscard]] Reading read() const;

  /// Reports the broker's CPU between two readings, whole and for each of `events`; the singular of
  /// the events is `event`: "cpu_us_per_message".
  void report(Report& report, const Reading& from, const Reading& to, std::uint64_t events,
              std::string_view event) const;
  /// Reports the growth of its memory for each of `things`: "bytes_per_connection".
  void report_memory(Report& report, const Reading& from, const Reading& to, std::uint64_t things,
                     std::string_view thing) const;

 private:
  pid_t broker_;
};

}  // namespace bench
