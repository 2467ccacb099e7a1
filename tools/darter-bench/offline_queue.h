#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "tools/darter-bench/meter.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/reactor.h"
#include "tools/darter-bench/report.h"
#include "tools/darter-bench/sequence_check.h"

namespace bench {

/// Persistent sessions that subscribe and go away; messages published then, with QoS 1, wait for
/// them and are delivered when they return. They share a topic, or have one each.
class OfflineQueue final : public Listener {
 public:
  OfflineQueue(const Options& options, Report& report);

  /// Returns   True if every count is right.
  [[nodiscard]] bool run();

  void on_connected(Connection& connection) override;
  void on_packet(Connection& connection, const mqtt::Frame& frame) override;
  void on_left(Connection& /*connection*/) override { ++left_; }
  Nanoseconds on_round() override;

 private:
  enum class Phase : std::uint8_t { subscribing, queueing, draining, forgetting };

  [[nodiscard]] bool subscribe();
  [[nodiscard]] bool queue();
  [[nodiscard]] bool drain();
  void forget();
  void on_message(Connection& connection, const mqtt::Frame& frame);
  [[nodiscard]] bool report_counts();
  [[nodiscard]] std::uint64_t expected() const noexcept {
    return std::uint64_t{count_} * sessions_.size();
  }

  const Options& options_;
  Report& report_;
  Meter meter_;
  Reactor reactor_;
  Phase phase_ = Phase::subscribing;
  std::uint32_t count_;  // messages for each session
  Connection publisher_;
  std::deque<Connection> sessions_;
  std::vector<Connection*> pointers_;      // to sessions_
  std::vector<PublishTemplate> messages_;  // by topic
  std::vector<SequenceCheck> checks_;      // by session
  std::uint32_t window_;
  std::uint32_t published_ = 0;
  std::uint32_t acknowledged_ = 0;
  std::uint32_t left_ = 0;
  std::uint64_t received_ = 0;
  std::uint64_t duplicated_ = 0;
  std::uint64_t reordered_ = 0;
  std::uint64_t misrouted_ = 0;
  std::uint64_t forgotten_ = 0;  // sessions that the broker no longer knew
};

}  // namespace bench
