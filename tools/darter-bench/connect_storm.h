#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "tools/darter-bench/histogram.h"
#include "tools/darter-bench/meter.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/reactor.h"
#include "tools/darter-bench/report.h"

namespace bench {

/// Clients that connect, are welcomed and leave, some at a time; each has a name of its own.
class ConnectStorm final : public Listener {
 public:
  ConnectStorm(const Options& options, Report& report);

  /// Returns   True if all were welcomed and let go.
  [[nodiscard]] bool run();

  void on_connected(Connection& connection) override;
  void on_packet(Connection& connection, const mqtt::Frame& frame) override;
  void on_left(Connection& connection) override;
  Nanoseconds on_round() override;

 private:
  const Options& options_;
  Report& report_;
  Meter meter_;
  Reactor reactor_;
  std::uint32_t wanted_;  // in all
  std::uint32_t begun_ = 0;
  std::uint32_t welcomed_ = 0;
  std::uint32_t left_ = 0;
  std::deque<Connection> connections_;
  std::vector<Connection*> idle_;  // of connections_, those that can be opened
  Histogram delay_;                // nanoseconds from connect() to CONNACK
};

}  // namespace bench
