// broker/core/holdings.h
#pragma once

#include <array>
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
  publish,   ///< behind a SUBACK or a PUBLISH that waits for the same connection
  safe,      ///< when all that happened until the end of this turn is stored
};

/// What a message to a peer asks for: "confirm when it is stored, and all that follows from it".
struct Errand {
  /// Counts what the sender told this peer at this hop and waits for; 0: nobody waits.
  std::uint64_t number = 0;
  ForwardKey forward{0};  // instead of a number: the message is stored on its way
  std::uint8_t hop = 0;   // 1 for what a client caused, 2 for what such a message caused, ...
};

/// Acknowledgements that wait until what they acknowledge is on disk.
///
/// Shape      One ticket for each turn in which something has to wait. A ticket is done when the
///            journal has this shard's changes up to the turn's end, and every peer that was told
///            something has confirmed. What a peer waits for stands in tickets of its own, by hop:
///                hop 0: turn 7: PUBACK to c1 | turn 9: SUBACK to c2 | ...
///                hop 1: turn 7: confirm peer 1's errand 30 | ...
/// Invariant  Tickets of one hop are done in order, so nobody overtakes. Errands of one hop reach a
///            peer in order: who confirms one confirms all before it. A ticket waits for higher
///            hops only, so shards never wait for each other in a circle. A CONNACK that waits
///            keeps back everything for its connection: nothing may come before [MQTT-3.2.0-1].
/// Lifetime   What waits for a connection that has ended is dropped.
/// Threads    None.
class Holdings {
 public:
  Holdings(Outbox& outbox, std::uint32_t shards);

  /// Whether a packet has to be given to hold().
  [[nodiscard]] static bool waits(const Connection& connection, When when) noexcept {
    if (when == When::safe) return true;
    if (!connection.held) return false;
    const HeldOutput& held = *connection.held;
    return when == When::in_order || held.everything ||
           (when == When::publish && held.begin < held.order_end);
  }
  /// Where to append a packet that waits; to be told with held() how long it was. `in_order`: a
  /// PUBLISH, or what a PUBLISH must not overtake.
  [[nodiscard]] static mqtt::ByteBuffer& hold(Connection& connection);
  void held(const Connection& connection, std::size_t size_bytes, bool in_order);
  /// What this turn's packets wait for takes so much memory meanwhile.
  void charge(std::size_t bytes) noexcept {
    lines_[0].open.bytes += bytes;
    waiting_bytes_ += bytes;
  }
  /// What was charged, and what is held, of everything that still waits.
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_; }
  /// Appends the packet that `encode(ByteBuffer&)` writes. Returns its size.
  template <typename Encode>
  std::size_t say(Connection& connection, When when, bool in_order, Encode&& encode);

  /// What is told to peers from here on is caused by a client (0), or by an errand of that hop.
  void caused_by(std::uint8_t hop) noexcept { cause_ = hop; }
  /// A message to a peer is part of this turn.
  Errand tell(ShardIndex peer);
  /// A peer waits until what it told us is stored.
  void owe(ShardIndex peer, const Errand& errand);
  /// How many messages have to be confirmed, or were: tells whether tell() was called in between.
  [[nodiscard]] std::uint64_t told() const noexcept { return told_; }

  /// The turn is over; `position` is the shard's last change.
  void end_turn(std::uint64_t position);
  void committed(std::uint64_t position) noexcept { committed_ = position; }
  void confirmed(ShardIndex peer, const Errand& errand) noexcept;
  [[nodiscard]] std::uint64_t committed() const noexcept { return committed_; }
  /// Whether anything waits.
  [[nodiscard]] bool empty() const noexcept;

  /// Takes what need not wait any longer: `find(ConnectionId)` gives the connection or null,
  /// `confirm(ShardIndex, Errand)` tells a peer.
  template <typename Find, typename Confirm>
  void release(Find&& find, Confirm&& confirm);

 private:
  /// Further than a message can go: publish, group, member, back to the group, another member.
  static constexpr std::size_t hops = 6;

  struct Ticket {
    std::uint64_t position = 0;
    std::size_t packets = 0;  // of Line::packets, and so on
    std::size_t debts = 0;
    std::size_t peers = 0;
    std::size_t bytes = 0;
    [[nodiscard]] bool empty() const noexcept { return packets + debts + peers == 0; }
  };
  struct Packets {
    ConnectionId connection;
    std::size_t size_bytes = 0;
  };
  struct Debt {
    ShardIndex peer{0};
    Errand errand;
  };
  struct Told {
    ShardIndex peer{0};
    std::uint64_t number = 0;  // of the last errand
  };
  /// The tickets of one hop.
  struct Line {
    Ticket open;
    Ring<Ticket> tickets;
    Ring<Packets> packets;  // hop 0 only
    Ring<Debt> debts;       // not hop 0
    Ring<Told> peers;
    std::vector<std::uint64_t> told;       // by peer: the last errand
    std::vector<std::uint64_t> confirmed;  // by peer
  };

  [[nodiscard]] bool done(Line& line) const noexcept;
  void speak(Connection& connection, std::size_t size_bytes);
  template <typename Find, typename Confirm>
  void settle(Line& line, Find& find, Confirm& confirm);

  Outbox& outbox_;
  std::array<Line, hops> lines_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t committed_ = 0;
  std::uint64_t told_ = 0;
  std::uint8_t cause_ = 0;
};

template <typename Encode>
std::size_t Holdings::say(Connection& connection, When when, bool in_order, Encode&& encode) {
  const bool wait = waits(connection, when);
  mqtt::ByteBuffer& bytes = wait ? hold(connection) : outbox_.output(connection.id).bytes;
  const std::size_t before = bytes.size();
  encode(bytes);
  const std::size_t size_bytes = bytes.size() - before;
  if (wait) held(connection, size_bytes, in_order);
  return size_bytes;
}

template <typename Find, typename Confirm>
void Holdings::release(Find&& find, Confirm&& confirm) {
  for (Line& line : lines_) {
    while (!line.tickets.empty() && done(line)) settle(line, find, confirm);
  }
}

template <typename Find, typename Confirm>
void Holdings::settle(Line& line, Find& find, Confirm& confirm) {
  const Ticket ticket = line.tickets.pop_front();
  waiting_bytes_ -= ticket.bytes;
  for (std::size_t i = 0; i < ticket.peers; ++i) line.peers.pop_front();
  for (std::size_t i = 0; i < ticket.debts; ++i) {
    const Debt debt = line.debts.pop_front();
    confirm(debt.peer, debt.errand);
  }
  for (std::size_t i = 0; i < ticket.packets; ++i) {
    const Packets packets = line.packets.pop_front();
    if (Connection* const connection = find(packets.connection)) {
      speak(*connection, packets.size_bytes);
    }
  }
}

}  // namespace broker
