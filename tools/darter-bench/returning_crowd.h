#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "tools/darter-bench/clock.h"
#include "tools/darter-bench/histogram.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/reactor.h"
#include "tools/darter-bench/report.h"

namespace bench {

/// Clients at rest that ping, and come back when they are cut off, as browsers do.
///
/// Shape      All gather, and a line on the standard error says so: that is when somebody restarts
///            the broker. Each that is cut off tries again after a second, then after two, four, at
///            most eight, each time up to a half longer. When all are back they stay --seconds.
/// Invariant  A client that is here sends PINGREQ once in --keep-alive seconds. One that was not
///            answered when the next is due is missed.
class ReturningCrowd final : public Listener {
 public:
  ReturningCrowd(const Options& options, Report& report);

  /// Returns   True if all were cut off and are back, and no ping was missed.
  [[nodiscard]] bool run();

  void on_connected(Connection& connection) override;
  void on_packet(Connection& connection, const mqtt::Frame& frame) override;
  [[nodiscard]] bool on_lost(Connection& connection) override;
  Nanoseconds on_round() override;

 private:
  struct Client {
    Connection connection;
    Nanoseconds cut_at = 0;     // 0: it is here, or never was
    Nanoseconds pinged_at = 0;  // 0: no ping is unanswered
    std::uint32_t visits = 0;   // so that a ping of an earlier visit is not sent in a later one
    std::uint32_t failures = 0;
  };
  struct Due {
    Nanoseconds at;
    std::uint32_t client;
    std::uint32_t visit;
  };

  [[nodiscard]] std::vector<Connection*> everybody();
  [[nodiscard]] bool gather();
  [[nodiscard]] bool come_back();
  void send_pings(Nanoseconds time);
  void open_due(Nanoseconds time);
  [[nodiscard]] Nanoseconds pause_of(const Client& client);
  [[nodiscard]] bool report_counts(bool complete);

  const Options& options_;
  Report& report_;
  Reactor reactor_;
  std::deque<Client> clients_;
  std::deque<Due> pings_;     // soonest first: all wait equally long
  std::vector<Due> returns_;  // a heap, soonest first
  std::uint64_t random_state_ = 1;
  std::size_t here_ = 0;
  bool gathered_ = false;
  Nanoseconds first_cut_at_ = 0;
  Nanoseconds last_back_at_ = 0;
  std::uint64_t cut_ = 0;
  std::uint64_t back_ = 0;
  std::uint64_t attempts_ = 0;
  std::uint64_t pings_missed_ = 0;
  Histogram away_;            // milliseconds from the cut to CONNACK, for each client
  Histogram pings_answered_;  // nanoseconds
};

}  // namespace bench
