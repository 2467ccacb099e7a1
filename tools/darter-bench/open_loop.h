#pragma once

#include <cstdint>

#include "tools/darter-bench/flow.h"
#include "tools/darter-bench/histogram.h"

namespace bench {

/// Messages at a given rate: each is due at its time, whatever became of those before, and its
/// latency counts from then. A broker that falls behind is seen to, and cannot slow its clients.
class OpenLoop final : public Flow {
 public:
  OpenLoop(const Options& options, Report& report) : Flow(options, report) {}

  Nanoseconds on_round() override;

 private:
  void measure() override;
  void on_delivered(const Mark& mark) override;
  void on_acknowledged(std::uint32_t /*publisher*/) override {}
  void publish_next(Nanoseconds due);
  [[nodiscard]] Nanoseconds due_of(std::uint64_t message) const;
  void report_more() override;

  bool publishing_ = false;
  std::uint64_t next_ = 0;    // message that is due next
  std::uint64_t unsent_ = 0;  // had no packet identifier
  Nanoseconds start_ = 0;     // when message 0 was due
  Nanoseconds measured_from_ = 0;
  Nanoseconds measured_to_ = 0;
  Histogram latency_;    // nanoseconds
  Histogram own_delay_;  // by how much the generator itself was late
};

}  // namespace bench
