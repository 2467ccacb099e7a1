// broker/shard_transfer.h
#pragma once

#include <cstdint>
#include <expected>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/session_image.h"
#include "broker/shard.h"

namespace broker {

/// Why a session cannot move.
enum class TransferFault : std::uint8_t {
  absent,            ///< no session has the client id
  busy,              ///< something of it waits for the disk or for a later turn
  present,           ///< a session with the client id is here already
  elsewhere,         ///< the client is at home on another shard
  unknown_listener,  ///< there is no listener of that index
  full,              ///< global_max_clients is reached
};

/// A session that moves to another shard, of this process or another: see SessionTransfer.
///
/// Lifetime   Of one expression: Shard::transfer(). The shard outlives it.
/// Threads    The shard's.
class ShardTransfer final {
 public:
  /// The session of a client as a value. Nothing changes here.
  ///
  /// Requires  end_turn(), and the client's output was drained.
  /// Errors    TransferFault::absent; or busy: something of it waits for the disk or for a later
  ///           turn. Then it can be tried again; it is ready sooner if its connection is not read.
  [[nodiscard]] std::expected<SessionImage, TransferFault> image(std::string_view client_id) const;
  /// Goes on with a session of another shard. `connection`: the name of its client's connection
  /// here, if it has one; the loop reads it from then on, and says how far its socket is behind.
  ///
  /// Requires  decode_session() has accepted it, or image() has made it. Its home is here.
  /// Errors    TransferFault::present, elsewhere, unknown_listener or full: nothing has changed.
  [[nodiscard]] std::expected<void, TransferFault> adopt(const SessionImage& image,
                                                         ConnectionId connection, Instant now);
  /// Forgets a session that another shard has, with its connection: no will is published, no
  /// message goes back to a group, and the connection is not closed. No event may have come for the
  /// session since image().
  void release(std::string_view client_id, Instant now);

 private:
  friend class Shard;
  explicit ShardTransfer(Shard::Inside& inside) noexcept : inside_(inside) {}

  Shard::Inside& inside_;
};

}  // namespace broker
