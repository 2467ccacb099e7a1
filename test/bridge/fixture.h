#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/bridge/bridge.h"
#include "test/broker/fixture.h"

namespace test {

/// A bridge between two brokers of shards, with the loop's part and the network played by hand.
class Span {
 public:
  using Strings = std::vector<std::string>;

  /// Both brokers outlive it, or are exchanged by here_restarts() and there_restarts().
  Span(Broker& here, Broker& there, bridge::Options options);

  void start();
  /// Carries out orders and carries bytes until neither is left.
  void run();
  /// Time goes on, at both brokers too.
  void pass_milliseconds(std::int64_t milliseconds);
  /// The connection between the brokers breaks.
  void cut();
  /// The process of the bridge has ended: the other broker sees its socket close.
  void here_ends();
  /// The process of the other broker has ended, and another one has its place.
  void there_restarts(Broker& there);

  /// Log lines since the last call.
  Strings lines();

  bool reachable = true;              // the other broker's port
  bool mute = false;                  // it takes connections and bytes, and says nothing
  std::size_t bytes_left = SIZE_MAX;  // until the connection breaks
  std::string sent;                   // to the other broker, whether it arrived or not
  MemoryLog log;
  bridge::Bridge bridge;

 private:
  bool carry_out_orders();
  void carry_out(const bridge::Order& order);
  bool carry_to_there();
  bool carry_from_there();
  bool carry_here();
  void lose_remote();
  /// The part of some bytes that arrives before the connection breaks.
  std::string arriving(std::string_view bytes);

  Broker* here_;
  Broker* there_;
  std::optional<Broker::Client> local_;
  std::optional<Broker::Client> remote_;
  bool broken_ = false;
};

/// The policy of the listener that bridges come in by.
broker::ListenerPolicy bridge_policy();

/// Options of a bridge from "here" to "there" that speaks `version`.
bridge::Options span_options(std::vector<bridge::Mapping> mappings, mqtt::Version version);

}  // namespace test
