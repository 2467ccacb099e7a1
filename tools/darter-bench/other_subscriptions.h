#pragma once

#include <cstdint>
#include <deque>

#include "tools/darter-bench/meter.h"
#include "tools/darter-bench/options.h"
#include "tools/darter-bench/reactor.h"
#include "tools/darter-bench/report.h"
#include "tools/darter-bench/traffic.h"

namespace bench {

/// Subscriptions that match nothing: the broker has to find a message's receivers among them.
class OtherSubscriptions {
 public:
  OtherSubscriptions(const Options& options, const Traffic& traffic, Reactor& reactor)
      : options_(options), traffic_(traffic), reactor_(reactor) {}

  /// Makes them, over a few connections that stay. Returns false if the broker did not grant all.
  [[nodiscard]] bool stand(const Meter& meter, Report& report);

  /// A SUBACK came for one of the connections.
  void on_suback(Connection& connection, const mqtt::Frame& frame);

 private:
  void subscribe_more(Connection& connection);

  const Options& options_;
  const Traffic& traffic_;
  Reactor& reactor_;
  std::deque<Connection> connections_;
  std::uint32_t asked_ = 0;
  std::uint32_t granted_ = 0;
};

}  // namespace bench
