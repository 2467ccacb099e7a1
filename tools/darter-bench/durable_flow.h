#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "tools/darter-bench/histogram.h"
#include "tools/darter-bench/meter.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/publisher.h"
#include "tools/darter-bench/reactor.h"
#include "tools/darter-bench/report.h"
#include "tools/darter-bench/sequence_check.h"

namespace bench {

/// Publishers of QoS 1 that send on when a message is acknowledged, not when it is delivered: how
/// long does PUBACK take where it means that the message lasts?
///
/// Shape      One persistent session subscribes to everything. It is away, and comes at the end to
///            receive the acknowledged messages; or, with --online, it is there and acknowledges at
///            once.
class DurableFlow final : public Listener {
 public:
  DurableFlow(const Options& options, Report& report);

  /// Returns   True if every acknowledged message came, once and in order.
  [[nodiscard]] bool run();

  void on_connected(Connection& connection) override;
  void on_packet(Connection& connection, const mqtt::Frame& frame) override;
  void on_left(Connection& /*connection*/) override { ++left_; }
  Nanoseconds on_round() override;

 private:
  /// A publisher, and the send times of its unacknowledged messages, the oldest first.
  struct Source {
    Source(std::uint32_t index, const Options& options);
    Publisher publisher;
    std::deque<Nanoseconds> sent_at;
    SequenceCheck check;  // of the session's deliveries
  };

  [[nodiscard]] bool subscribe();
  void measure();
  [[nodiscard]] bool drain();
  void forget();
  void on_acknowledged(Source& source, const mqtt::Frame& frame);
  void on_message(const mqtt::Frame& frame);
  [[nodiscard]] bool report_counts();
  [[nodiscard]] std::uint64_t sent() const;

  const Options& options_;
  Report& report_;
  Meter meter_;
  Reactor reactor_;
  Connection session_;
  std::deque<Source> sources_;
  std::vector<Connection*> publishers_;  // their connections
  Histogram latency_;                    // of acknowledgements while measuring, nanoseconds
  bool publishing_ = false;
  bool measuring_ = false;
  std::uint64_t subscribed_ = 0;
  std::uint64_t acknowledged_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint32_t left_ = 0;
};

}  // namespace bench
