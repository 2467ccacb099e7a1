// broker/core/holdings.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "broker/core/connection.h"
#include "broker/core/ids.h"
#include "broker/core/outbox.h"
#include "broker/core/ring.h"
#include "broker/wire/bytes.h"

namespace broker {

/// When a packet may leave.
enum class When : std::uint8_t {
  at_once,   ///< whatever waits
  in_order,  ///< behind what waits for the same connection
  safe,      ///< when all that happened until the end of this turn is stored
};

/// Acknowledgements that wait until what they acknowledge is on disk.
///
/// Shape      One ticket for each turn in which something has to wait. A ticket is done when the
///            journal has this shard's changes up to the turn's end, and every peer that was told
///            something in it has confirmed. Peers hold a ticket of ours until one of theirs is
///            done: that is the confirmation.
///                turn 7: PUBACK to c1 | turn 9: SUBACK to c2, confirm peer 1's ticket 30 | ...
/// Invariant  Tickets are done in order, so nobody overtakes. A CONNACK that waits keeps back
///            everything for its connection: nothing may be sent before it [MQTT-3.2.0-1].
/// Lifetime   What waits for a connection that has ended is dropped.
/// Threads    None.
class Holdings {
 public:
  Holdings(Outbox& outbox, std::uint32_t shards) : outbox_(outbox), confirmed_(shards) {}

  /// Whether a packet has to be given to hold().
  [[nodiscard]] bool waits(const Connection& connection, When when) const noexcept {
    if (when == When::safe) return true;
    return connection.held && (when == When::in_order || connection.held->everything);
  }
  /// Where to append a packet that waits; to be told with held() how long it was.
  [[nodiscard]] static mqtt::ByteBuffer& hold(Connection& connection);
  void held(const Connection& connection, std::size_t size_bytes);
  /// Appends the packet that `encode(ByteBuffer&)` writes. Returns its size.
  template <typename Encode>
  std::size_t say(Connection& connection, When when, Encode&& encode);

  /// A message to a peer is part of this turn. Returns the ticket that the peer has to confirm.
  std::uint64_t tell(ShardIndex peer);
  /// A peer waits until what it told us is stored.
  void owe(ShardIndex peer, std::uint64_t ticket);
  /// How many messages have to be confirmed, or were: tells whether tell() was called in between.
  [[nodiscard]] std::uint64_t told() const noexcept { return told_; }

  /// The turn is over; `position` is the shard's last change.
  void end_turn(std::uint64_t position);
  void committed(std::uint64_t position) noexcept { committed_ = position; }
  void confirmed(ShardIndex peer, std::uint64_t ticket) noexcept {
    confirmed_[static_cast<std::uint32_t>(peer)] = ticket;
  }
  [[nodiscard]] std::uint64_t committed() const noexcept { return committed_; }
  /// Whether anything waits.
  [[nodiscard]] bool empty() const noexcept { return tickets_.empty() && open_.empty(); }

  /// Takes what need not wait any longer: `find(ConnectionId)` gives the connection or null,
  /// `confirm(ShardIndex, ticket)` tells a peer, `spoken(Connection&)` is told after a connection's
  /// packets were moved to its output.
  template <typename Find, typename Confirm, typename Spoken>
  void release(Find&& find, Confirm&& confirm, Spoken&& spoken);

 private:
  struct Ticket {
    std::uint64_t number = 1;
    std::uint64_t position = 0;
    std::size_t packets = 0;  // of packets_, and so on
    std::size_t debts = 0;
    std::size_t peers = 0;
    [[nodiscard]] bool empty() const noexcept { return packets + debts + peers == 0; }
  };
  struct Packets {
    ConnectionId connection;
    std::size_t size_bytes = 0;
  };
  struct Debt {
    ShardIndex peer{0};
    std::uint64_t ticket = 0;
  };

  [[nodiscard]] bool done(const Ticket& ticket) noexcept;
  void speak(Connection& connection, std::size_t size_bytes);

  Outbox& outbox_;
  Ticket open_;
  Ring<Ticket> tickets_;
  Ring<Packets> packets_;
  Ring<Debt> debts_;
  Ring<ShardIndex> peers_;
  std::vector<std::uint64_t> confirmed_;  // by peer: the highest ticket
  std::uint64_t committed_ = 0;
  std::uint64_t told_ = 0;
};

template <typename Encode>
std::size_t Holdings::say(Connection& connection, When when, Encode&& encode) {
  const bool wait = waits(connection, when);
  mqtt::ByteBuffer& bytes = wait ? hold(connection) : outbox_.output(connection.id).bytes;
  const std::size_t before = bytes.size();
  encode(bytes);
  const std::size_t size_bytes = bytes.size() - before;
  if (wait) held(connection, size_bytes);
  return size_bytes;
}

template <typename Find, typename Confirm, typename Spoken>
void Holdings::release(Find&& find, Confirm&& confirm, Spoken&& spoken) {
  while (!tickets_.empty() && done(tickets_.front())) {
    const Ticket ticket = tickets_.pop_front();
    for (std::size_t i = 0; i < ticket.peers; ++i) peers_.pop_front();
    for (std::size_t i = 0; i < ticket.debts; ++i) {
      const Debt debt = debts_.pop_front();
      confirm(debt.peer, debt.ticket);
    }
    for (std::size_t i = 0; i < ticket.packets; ++i) {
      const Packets packets = packets_.pop_front();
      Connection* const connection = find(packets.connection);
      if (connection == nullptr) continue;
      speak(*connection, packets.size_bytes);
      spoken(*connection);
    }
  }
}

}  // namespace broker
