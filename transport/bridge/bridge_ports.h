#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "transport/bridge/bridge_board.h"
#include "transport/bridge/bridge_plan.h"
#include "transport/bridge/bridge_port.h"
#include "transport/resident.h"

namespace transport {

class Loop;

/// The bridges of one loop: those whose sessions are at home on its shard.
///
/// Threads    Its loop's.
class BridgePorts final : public Resident {
 public:
  /// `board` outlives the loop.
  BridgePorts(Loop& loop, BridgeBoard& board) noexcept : loop_(loop), board_(board) {}
  /// Those of a loop.
  [[nodiscard]] static BridgePorts& of(Loop& loop, BridgeBoard& board);

  /// Makes a bridge, or has the one with that session go on with another plan.
  void put(BridgePlan plan);
  /// See BridgePort::renew_links().
  void renew_links(const std::string& id, std::vector<LinkOptions> links);
  /// Ends a bridge and its session.
  void remove(const std::string& id);

  bool work() override;
  void tick() override;
  void stop() override;
  [[nodiscard]] bool has_ended() const override;

 private:
  /// Null also if it is about to leave: another one may have its session then.
  [[nodiscard]] BridgePort* find(std::string_view id) noexcept;

  Loop& loop_;
  BridgeBoard& board_;
  std::vector<std::unique_ptr<BridgePort>> ports_;
  bool due_ = false;  // work() of any
  bool stopped_ = false;
};

}  // namespace transport
