// broker/core/rate_walk.h
#pragma once

#include <cstdint>

#include "broker/core/connection_table.h"
#include "broker/core/ids.h"

namespace broker {

/// Begins a new window of every connection's MessageRate, again and again.
///
/// Shape      A walk over all connections begins every window_seconds, and takes places_of_tick of
///            them at each tick: up to 51,200 connections of a shard all have windows of
///            window_seconds, 102,400 windows of about ten.
/// Cost       At most 0.1 ms a tick; nothing with a message.
/// Threads    None.
class RateWalk final {
 public:
  static constexpr std::int64_t window_seconds = 5;

  explicit RateWalk(ConnectionTable& connections) noexcept : connections_(connections) {}

  /// To be called every 100 ms or so.
  void tick(Instant now);

 private:
  static constexpr std::uint32_t places_of_tick = 1024;

  ConnectionTable& connections_;
  std::uint32_t next_slot_ = 0;
  bool walking_ = false;
  Instant next_walk_;
};

}  // namespace broker
