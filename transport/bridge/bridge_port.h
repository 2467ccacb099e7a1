#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/bridge/bridge.h"
#include "broker/core/ids.h"
#include "broker/core/outbox.h"
#include "broker/wire/bytes.h"
#include "transport/bridge/bridge_board.h"
#include "transport/bridge/bridge_plan.h"
#include "transport/connector.h"
#include "transport/inner_clients.h"
#include "transport/link/link.h"

namespace transport {

class Loop;

/// One bridge on its loop: a bridge::Bridge with its two connections.
///
/// Shape      shard ◀─ InnerClients ─▶ bridge::Bridge ◀─ Link ─▶ other broker
///
///            Bytes of either end go into the bridge at once, and wake the port; work()
///            carries out the bridge's orders, gives its bytes to the shard and to the link. Output
///            of the shard goes on to the link in the turn in which it comes.
/// Invariant  Reading from the link pauses while the shard takes nothing, or other shards have no
///            room; the shard hears how much the other broker has not taken.
/// Lifetime   From its construction it lives until leave() is done, or the loop ends.
/// Threads    Its loop's.
class BridgePort final : public LinkUser, public InnerClient {
 public:
  /// `wakes` is set when work() is to be called in this turn.
  BridgePort(Loop& loop, BridgePlan plan, bool& wakes);
  BridgePort(const BridgePort&) = delete;
  BridgePort& operator=(const BridgePort&) = delete;
  ~BridgePort() = default;

  void start();
  /// Goes on as another plan says: at once, or as soon as it is not connected. Filters that the new
  /// plan does not have are unsubscribed from.
  ///
  /// Requires  The same local client id, so that the loop is the same.
  void replace(BridgePlan plan);
  /// The other broker is reached by other means from the next connection on.
  void renew_links(std::vector<LinkOptions> links) { plan_.links = std::move(links); }
  /// Ends the connections, and the session.
  void leave();
  /// Ends the connections; the process is to end.
  void stop();

  /// Returns whether more is due, and can be done in the next turn.
  [[nodiscard]] bool work();
  void tick();

  /// Its name among ports: the client id of its session.
  [[nodiscard]] const std::string& id() const noexcept { return plan_.options.local_client_id; }
  [[nodiscard]] BridgeFigures figures() const;
  [[nodiscard]] bool is_leaving() const noexcept { return fate_ >= Fate::leaves; }
  /// Whether leave() is done.
  [[nodiscard]] bool has_left() const noexcept { return fate_ == Fate::left; }
  /// Whether there is no link.
  [[nodiscard]] bool is_quiet() const noexcept { return link_.is_idle(); }

  void link_opened() override;
  void link_received(mqtt::Bytes bytes) override;
  void link_writable() override;
  void link_closed(const LinkEnd& end) override;

  [[nodiscard]] std::size_t inner_received(const broker::Output& output) override;
  void inner_closed() override;
  void inner_resumed() override;

 private:
  enum class Fate : std::uint8_t {
    stays,
    replaced,  ///< by `next_`, when its connections have ended
    leaves,    ///< when its connections have ended, the session ends
    ends,      ///< the session is on its way to its end
    left,
  };

  void wake() noexcept {
    due_ = true;
    wakes_ = true;
  }
  void make_bridge();
  void go_on_with_fate();
  void carry_out_orders();
  void carry_out(const bridge::Order& order);
  void open_remote(std::size_t address);
  void close_remote();
  void open_local();
  void close_local();
  void try_first();
  void give_to_shard();
  void write_to_link();
  void pause_or_read();
  [[nodiscard]] std::size_t queued_bytes() const;

  Loop& loop_;
  bool& wakes_;
  BridgePlan plan_;
  std::optional<BridgePlan> next_;
  std::unique_ptr<bridge::Bridge> bridge_;
  Link link_;
  Connector probe_;  // of the first address
  std::optional<broker::ConnectionId> local_;
  std::optional<std::size_t> wanted_;  // the address to open when the last link has ended
  mqtt::ByteBuffer given_;             // to the shard, while it is called
  mqtt::ByteBuffer joined_;            // bytes and splices of an output
  std::size_t reported_bytes_ = 0;     // to the shard
  BridgeFigures before_;               // of the bridges before this one
  std::uint64_t connects_before_ = 0;
  std::string last_error_;
  Fate fate_ = Fate::stays;
  bool due_ = false;
  bool held_ = false;     // the shard takes nothing
  bool closing_ = false;  // the link is, and nothing of it counts any more
};

}  // namespace transport
