#pragma once

#include <cstdint>
#include <vector>

#include "tools/darter-bench/meter.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/packet_ids.h"
#include "tools/darter-bench/reactor.h"
#include "tools/darter-bench/report.h"

namespace bench {

/// Many retained messages, each on a topic of its own, and then a subscriber of them all. Each has
/// to come once, and marked as retained.
class RetainedReplay final : public Listener {
 public:
  RetainedReplay(const Options& options, Report& report);

  /// Returns   True if every count is right.
  [[nodiscard]] bool run();

  void on_connected(Connection& /*connection*/) override {}
  void on_packet(Connection& connection, const mqtt::Frame& frame) override;
  Nanoseconds on_round() override;

 private:
  [[nodiscard]] bool store();
  [[nodiscard]] bool replay();
  void on_message(Connection& connection, const mqtt::Frame& frame);
  [[nodiscard]] bool report_counts();

  const Options& options_;
  Report& report_;
  Meter meter_;
  Reactor reactor_;
  Connection publisher_;
  Connection subscriber_;
  std::uint32_t wanted_;
  std::uint32_t window_;
  std::uint32_t published_ = 0;
  std::uint32_t acknowledged_ = 0;
  bool storing_ = false;
  std::vector<bool> seen_;  // by number
  std::uint32_t received_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t damaged_ = 0;
};

}  // namespace bench
