// broker/core/stored_figures.h
#pragma once

#include <cstddef>
#include <cstdint>

#include "broker/core/session_table.h"

namespace broker {

/// How much waits for the sessions of a shard, and is in flight.
///
/// Shape      A table of few sessions is added up when it is asked for; of a large one a part at
///            each tick, and the answer is that of the last whole walk.
/// Threads    None.
class StoredFigures {
 public:
  struct Sum {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;
  };

  /// Tables of more places are walked in parts.
  explicit StoredFigures(std::size_t places_at_once = 16'384) : places_at_once_(places_at_once) {}

  /// To be called every 100 ms or so.
  ///
  /// Cost      A 64th of a large table, so that a walk takes some seconds; nothing for a small one.
  void tick(SessionTable& sessions);
  [[nodiscard]] Sum sum(SessionTable& sessions);

 private:
  static void add(Sum& sum, const Session* session);

  std::size_t places_at_once_;
  std::size_t next_ = 0;
  Sum walk_;  // up to next_
  Sum last_;  // of the last whole walk
};

}  // namespace broker
