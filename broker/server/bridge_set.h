#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <vector>

#include "broker/core/ids.h"
#include "broker/server/reload_report.h"
#include "conf/settings.h"
#include "transport/bridge/bridge_board.h"
#include "transport/bridge/bridge_plan.h"
#include "transport/loops.h"

namespace server {

/// The bridges of the broker: made at the start, changed by reloads.
///
/// Shape      prepare() reads files and changes nothing -> start() or change()
/// Invariant  Bridges are the same if they have the same name. One whose settings are the same is
///            left alone, but for its certificates, which hold from its next connection on.
/// Lifetime   Outlives the loops, which write to its board.
/// Threads    The main thread.
class BridgeSet {
 public:
  /// The plans of a configuration, in the order of its bridges.
  struct Prepared {
    std::vector<conf::BridgeSettings> settings;
    std::vector<transport::BridgePlan> plans;
  };

  /// `listener`: the number of the policy of bridges.
  ///
  /// Errors    One sentence a line.
  [[nodiscard]] static std::expected<Prepared, std::string> prepare(const conf::Settings& settings,
                                                                    std::uint16_t listener);

  /// Puts the bridges in force, on the loops that are the homes of their sessions.
  ///
  /// Requires  The loops run, and their shards know the policy.
  BridgeChanges change(Prepared next, transport::Loops& loops);

  /// The figures of all, by name.
  [[nodiscard]] std::map<std::string, transport::BridgeFigures> figures() const {
    return board_.all();
  }

 private:
  struct Running {
    conf::BridgeSettings settings;
    std::string local_client_id;
  };

  void put(transport::BridgePlan plan, transport::Loops& loops);
  void remove(const std::string& name, const Running& running, transport::Loops& loops);

  std::map<std::string, Running> running_;  // by name
  transport::BridgeBoard board_;
};

}  // namespace server
