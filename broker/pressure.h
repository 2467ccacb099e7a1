// broker/pressure.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "broker/core/connection.h"
#include "broker/core/holdings.h"
#include "broker/core/ids.h"
#include "broker/core/ledger.h"
#include "broker/core/limits.h"
#include "broker/core/sender.h"
#include "broker/peer_links.h"
#include "broker/shard.h"
#include "broker/wire/bytes.h"
#include "broker/wire/framer.h"
#include "broker/wire/publish.h"

namespace broker {

/// Packets that have to wait because disk or memory cannot keep up, and the decision that they do.
///
/// Shape      Disk: the journal is behind from max_uncommitted_bytes on, until half of them are on
///            disk. Memory: charge() counts newly kept bytes of a shard against the headroom that
///            all shards share; without headroom memory is spared, until look_at_memory() finds
///            some again. A packet that has to wait is put aside whole with its connection, and so
///            is every packet behind it that must keep its order.
/// Invariant  The packets of a connection are handled in the order in which they came. The bytes
///            put aside of all connections are bounded by has_room_for(), and one read more for
///            each connection.
/// Lifetime   All that the constructor is given outlives the object.
/// Threads    None; the headroom is shared with other threads.
class Pressure final {
 public:
  Pressure(const Limits& limits, const Ledger& ledger, const Holdings& holdings,
           SharedMemory& memory, Sender& sender, PeerLinks& links)
      : limits_(limits),
        ledger_(ledger),
        holdings_(holdings),
        memory_(memory),
        sender_(sender),
        links_(links) {}

  /// Whether the disk has to catch up before more is to be stored.
  [[nodiscard]] bool journal_is_behind();

  /// Counts memory that was not kept before.
  void charge(std::size_t bytes) {
    charged_bytes_ += static_cast<std::int64_t>(bytes);
    if (charged_bytes_ >= SharedMemory::step_bytes) look_at_memory();
  }
  /// Takes the charged bytes off the headroom, and spares memory if none is left.
  void look_at_memory();
  /// Whether memory_limit is reached, by this shard or another.
  [[nodiscard]] bool memory_is_short() const noexcept {
    return memory_.headroom_bytes.load(std::memory_order_relaxed) <= 0;
  }
  /// Whether a PUBLISH is refused to spare memory.
  ///
  /// Requires  The connection has a session.
  [[nodiscard]] bool refuses(const Connection& connection, const mqtt::Publish& packet) const {
    return memory_spared_ && would_be_kept(connection, packet);
  }

  /// Whether a PUBLISH has to wait: for the disk, for memory, or behind another packet of its
  /// connection.
  ///
  /// Requires  The connection has a session.
  [[nodiscard]] bool has_to_wait(const Connection& connection, const mqtt::Publish& packet);
  /// Puts a packet aside, behind those of its connection that wait already.
  ///
  /// Requires  The bytes in front of `frame.body` are its fixed header.
  void park(Connection& connection, const mqtt::Frame& frame);
  /// Takes the packets of a connection out, whole and in order; null if none wait.
  [[nodiscard]] std::unique_ptr<mqtt::ByteBuffer> unpark(Connection& connection);

  /// Whether packets of any connection wait.
  [[nodiscard]] bool has_parked() const noexcept { return !parked_.empty(); }
  /// Whether packets that wait may be handled.
  [[nodiscard]] bool is_over() {
    return !journal_is_behind() && !memory_spared_ && !links_.are_full();
  }
  /// The connections with packets put aside, in the order of their first one; some may have ended,
  /// or have none any more. Until remember() is called for a connection, it is not given again.
  [[nodiscard]] std::vector<ConnectionId> take_parked() { return std::exchange(parked_, {}); }
  /// The packets of a connection go on waiting.
  void remember(ConnectionId connection) { parked_.push_back(connection); }

  /// Whether more packets of the connection may be put aside.
  [[nodiscard]] bool has_room_for(const Connection& connection) const noexcept {
    if (!connection.parked) return true;
    return connection.parked->size() <= parked_bytes_max &&
           parked_bytes_ <= parked_bytes_max_of_all;
  }

 private:
  /// Packets put aside for one connection, and for all: beyond that connections are not read.
  static constexpr std::size_t parked_bytes_max = std::size_t{64} << 10U;
  static constexpr std::size_t parked_bytes_max_of_all = std::size_t{4} << 20U;

  /// Whether memory has to be spared that the message would take.
  [[nodiscard]] static bool would_be_kept(const Connection& connection,
                                          const mqtt::Publish& packet);
  void spare_memory(bool spare);

  const Limits& limits_;
  const Ledger& ledger_;
  const Holdings& holdings_;
  SharedMemory& memory_;
  Sender& sender_;
  PeerLinks& links_;
  std::vector<ConnectionId> parked_;  // connections with packets put aside
  std::size_t parked_bytes_ = 0;      // of all connections
  bool journal_behind_ = false;
  bool memory_spared_ = false;
  std::int64_t charged_bytes_ = 0;  // not yet taken off the headroom
};

}  // namespace broker
