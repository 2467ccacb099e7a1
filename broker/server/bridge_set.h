#pragma once

#include <cstdint>
#include <expected>
#include <map>
#include <string>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/topic_share.h"
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
  struct PreparedBridge {
    conf::BridgeSettings settings;
    std::vector<transport::BridgePlan> plans;  // one for each connection
  };
  /// The bridges of a configuration, in its order.
  struct Prepared {
    std::vector<PreparedBridge> bridges;
    std::vector<std::string> warnings;      // sentences
    std::vector<std::string> need_restart;  // options that a reload leaves unchanged

    /// The shares of the sessions of bridges with several connections: for the shards, before the
    /// bridges are put in force.
    [[nodiscard]] broker::TopicShares shares() const;
  };

  /// `listener`: the number of the policy of bridges.
  ///
  /// Errors    One sentence a line.
  [[nodiscard]] std::expected<Prepared, std::string> prepare(const conf::Settings& settings,
                                                             std::uint16_t listener) const;

  /// Puts the bridges in force, on the loops that are the homes of their sessions.
  ///
  /// Requires  The loops run, and their shards know the policy and the shares.
  BridgeChanges change(Prepared next, transport::Loops& loops);

  /// The figures of all, by name: sums over the connections of a bridge. It is connected when all
  /// of them are.
  [[nodiscard]] std::map<std::string, transport::BridgeFigures> figures() const;

 private:
  struct Running {
    conf::BridgeSettings settings;
    std::vector<std::string> local_client_ids;  // one for each connection
  };

  /// Puts the settings back that no reload may change. A session whose topics change at another
  /// instant than those of its neighbour would lose messages, or take some twice.
  void keep_shares(conf::BridgeSettings& settings, std::vector<std::string>& need_restart) const;
  void put(transport::BridgePlan plan, transport::Loops& loops);
  void renew_links(transport::BridgePlan plan, transport::Loops& loops);
  void remove(const std::string& local_client_id, transport::Loops& loops);

  std::map<std::string, Running> running_;  // by name
  transport::BridgeBoard board_;
};

}  // namespace server
