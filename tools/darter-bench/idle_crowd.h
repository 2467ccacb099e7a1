#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "tools/darter-bench/meter.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/publisher.h"
#include "tools/darter-bench/reactor.h"
#include "tools/darter-bench/report.h"

namespace bench {

/// Connections with a subscription each that do nothing, to measure their memory and CPU.
/// Then each is sent one message, to see that it is alive and gets its own.
class IdleCrowd final : public Listener {
 public:
  IdleCrowd(const Options& options, Report& report);

  /// Returns   True if all stayed, and each got its message and no other.
  [[nodiscard]] bool run();

  void on_connected(Connection& connection) override;
  void on_packet(Connection& connection, const mqtt::Frame& frame) override;
  Nanoseconds on_round() override;

 private:
  [[nodiscard]] bool gather();
  [[nodiscard]] bool wake();
  void on_message(Connection& connection, const mqtt::Frame& frame);
  [[nodiscard]] bool report_counts();

  const Options& options_;
  Report& report_;
  Meter meter_;
  Reactor reactor_;
  Connection publisher_;
  std::deque<Connection> crowd_;
  std::vector<Connection*> pointers_;  // to crowd_
  std::vector<bool> seen_;             // by connection
  std::uint32_t granted_ = 0;
  bool waking_ = false;
  std::uint32_t published_ = 0;
  std::uint32_t received_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t misrouted_ = 0;
};

}  // namespace bench
