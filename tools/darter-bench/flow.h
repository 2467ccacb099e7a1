#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "tools/darter-bench/meter.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/other_subscriptions.h"
#include "tools/darter-bench/publisher.h"
#include "tools/darter-bench/reactor.h"
#include "tools/darter-bench/report.h"
#include "tools/darter-bench/sequence_check.h"
#include "tools/darter-bench/traffic.h"

namespace bench {

/// Publishers and subscribers of some traffic, and a check of every delivery. The derived classes
/// decide when to publish.
class Flow : public Listener {
 public:
  Flow(const Options& options, Report& report);

  /// Connects, subscribes, publishes, measures, checks and reports.
  ///
  /// Returns   True if every count is right.
  [[nodiscard]] bool run();

  void on_connected(Connection& /*connection*/) override {}
  void on_packet(Connection& connection, const mqtt::Frame& frame) override;

 protected:
  /// Publishes for the requested time, and reports the cost.
  virtual void measure() = 0;
  /// Every delivery has arrived: reports the figures that are known only now.
  virtual void report_more() {}
  /// A message arrived where it should, for the first time.
  virtual void on_delivered(const Mark& mark) = 0;
  /// A publisher got the last acknowledgement of a message.
  virtual void on_acknowledged(std::uint32_t publisher) = 0;

  [[nodiscard]] const Options& options() const noexcept { return options_; }
  [[nodiscard]] const Traffic& traffic() const noexcept { return traffic_; }
  [[nodiscard]] Report& report() noexcept { return report_; }
  [[nodiscard]] Reactor& reactor() noexcept { return reactor_; }
  [[nodiscard]] const Meter& meter() const noexcept { return meter_; }
  [[nodiscard]] Publisher& publisher(std::uint32_t index) { return publishers_[index]; }
  [[nodiscard]] std::uint64_t delivered() const noexcept { return delivered_; }

 private:
  [[nodiscard]] bool prepare();
  void settle();
  void on_publish(Connection& connection, const mqtt::Frame& frame);
  void on_answer(Connection& connection, const mqtt::Frame& frame);
  void on_suback(Connection& connection, const mqtt::Frame& frame);
  void acknowledge(Connection& connection, const Arrival& arrival);
  void check(std::uint32_t subscriber, const Arrival& arrival);
  [[nodiscard]] std::uint64_t expected() const;
  [[nodiscard]] std::uint64_t lost() const;
  [[nodiscard]] std::uint64_t unacknowledged() const;
  [[nodiscard]] bool report_counts();

  const Options& options_;
  Report& report_;
  Traffic traffic_;
  Meter meter_;
  Reactor reactor_;
  OtherSubscriptions others_;
  std::deque<Publisher> publishers_;  // never moved: the reactor knows their connections
  std::deque<Connection> subscribers_;
  std::vector<Connection*> connections_;  // of both
  std::vector<SequenceCheck> checks_;     // by link
  std::size_t granted_ = 0;               // subscriptions

  std::uint64_t delivered_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t misrouted_ = 0;
  std::uint64_t damaged_ = 0;
};

}  // namespace bench
