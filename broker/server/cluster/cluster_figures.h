#pragma once

#include <cstdint>
#include <string>

#include "broker/core/figure.h"

namespace server {

/// Figures of this node in its cluster, since its start.
struct ClusterFigures {
  bool is_connected = false;            // to a NATS server, with the records of all nodes read
  std::uint64_t nodes = 0;              // that are alive, this one included
  std::uint64_t filters_announced = 0;  // to the other nodes
  std::uint64_t filters_of_others = 0;  // that this node sends messages for
  std::uint64_t sent = 0;               // messages to other nodes
  std::uint64_t received = 0;           // messages from other nodes
  std::uint64_t dropped_sent = 0;       // messages that NATS did not take
  std::uint64_t dropped_received = 0;   // messages that the shards did not take
  std::uint64_t queued_bytes = 0;       // that wait for NATS
  std::uint64_t reconnects = 0;         // connections to NATS after the first
  std::string last_error{};             // why there is or was no connection; empty: none
};

[[nodiscard]] broker::FigureTable<ClusterFigures> cluster_figures() noexcept;

}  // namespace server
