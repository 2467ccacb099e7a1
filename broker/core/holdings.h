// broker/core/holdings.h
#pragma once

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "broker/core/confirm_request.h"
#include "broker/core/connection.h"
#include "broker/core/ids.h"
#include "broker/core/outbox.h"
#include "broker/core/ring.h"
#include "broker/wire/bytes.h"

namespace broker {

/// When a packet may leave.
enum class SendRule : std::uint8_t {
  immediate,             ///< even if other packets wait
  after_earlier_held,    ///< behind the packets that wait for the same connection
  after_held_publishes,  ///< behind a SUBACK or a PUBLISH that waits for the same connection
  after_commit,          ///< when all changes until the end of this turn are stored
};

/// Acknowledgements that wait until the changes they acknowledge are on disk.
///
/// Shape      One ticket for each turn in which something has to wait. A ticket is done when the
///            journal has this shard's changes up to the turn's end, and every peer has confirmed
///            the requests of that turn. Confirmations to peers stand in tickets of their own, by
///            depth:
///                depth 0: turn 7: PUBACK to c1 | turn 9: SUBACK to c2 | ...
///                depth 1: turn 7: confirm request 30 of peer 1 | ...
/// Invariant  Tickets of one depth are done in order, so no packet overtakes another. Requests of
///            one depth reach a peer in order: a confirmation stands for all requests before it. A
///            ticket waits for greater depths only, so shards never wait for each other in a
///            circle. A CONNACK that waits keeps back everything for its connection: no packet may
///            come before [MQTT-3.2.0-1].
/// Lifetime   Packets for a connection that has ended are dropped.
/// Threads    None.
class Holdings {
 public:
  Holdings(Outbox& outbox, std::uint32_t shards);

  /// Whether a packet has to be given to hold().
  [[nodiscard]] static bool waits(const Connection& connection, SendRule when) noexcept {
    if (when == SendRule::after_commit) return true;
    if (!connection.held) return false;
    const HeldOutput& held = *connection.held;
    return when == SendRule::after_earlier_held || held.everything ||
           (when == SendRule::after_held_publishes && held.begin < held.order_end);
  }
  /// Where to append a packet that waits; to be told with held() how long it was. `in_order`: it is
  /// a PUBLISH, or a packet that a PUBLISH must not overtake.
  [[nodiscard]] static mqtt::ByteBuffer& hold(Connection& connection);
  void held(const Connection& connection, std::size_t size_bytes, bool in_order);
  /// Adds `bytes` to the memory that this turn's waiting packets keep.
  void charge(std::size_t bytes) noexcept {
    lines_[0].open.bytes += bytes;
    waiting_bytes_ += bytes;
  }
  /// The memory of all waiting packets: their own bytes, and those of charge().
  [[nodiscard]] std::size_t waiting_bytes() const noexcept { return waiting_bytes_; }
  /// Appends the packet that `encode(ByteBuffer&)` writes. Returns its size.
  template <typename Encode>
  std::size_t say(Connection& connection, SendRule when, bool in_order, Encode&& encode);

  /// Messages to peers from here on are caused by a client (0), or by a message of that depth.
  void set_depth(std::uint8_t depth) noexcept { depth_ = depth; }
  /// This turn's packets and confirmations wait until the peer has confirmed.
  [[nodiscard]] ConfirmRequest request_confirm(ShardIndex peer);
  /// Confirms a request of a peer when the changes of this turn are stored, here and at the peers
  /// that this turn's messages go to.
  void confirm_when_stored(ShardIndex peer, const ConfirmRequest& request);
  /// Calls of request_confirm(): tells whether there was one in between.
  [[nodiscard]] std::uint64_t requests() const noexcept { return requests_; }

  /// The turn is over; `position` is the shard's last change.
  void end_turn(std::uint64_t position);
  void committed(std::uint64_t position) noexcept {
    assert(position >= committed_);
    committed_ = position;
  }
  void confirmed(ShardIndex peer, const ConfirmRequest& request) noexcept;
  [[nodiscard]] std::uint64_t committed() const noexcept { return committed_; }
  /// Whether anything waits.
  [[nodiscard]] bool empty() const noexcept;

  /// Releases the packets of tickets that are done: `find(ConnectionId)` gives the connection or
  /// null, `confirm(ShardIndex, ConfirmRequest)` tells a peer.
  template <typename Find, typename Confirm>
  void release(Find&& find, Confirm&& confirm);

 private:
  /// Further than a message can go: publish, group, member, back to the group, another member.
  static constexpr std::size_t depths = 6;

  struct Ticket {
    std::uint64_t position = 0;
    std::size_t packets = 0;  // of Line::packets, and so on
    std::size_t confirms = 0;
    std::size_t requests = 0;
    std::size_t bytes = 0;
    [[nodiscard]] bool empty() const noexcept { return packets + confirms + requests == 0; }
  };
  struct Packets {
    ConnectionId connection;
    std::size_t size_bytes = 0;
  };
  struct PendingConfirm {
    ShardIndex peer{0};
    ConfirmRequest request;
  };
  struct LastRequest {
    ShardIndex peer{0};
    std::uint64_t number = 0;  // of the turn's last request to that peer
  };
  /// The tickets of one depth.
  struct Line {
    Ticket open;
    Ring<Ticket> tickets;
    Ring<Packets> packets;          // depth 0 only
    Ring<PendingConfirm> confirms;  // not depth 0
    Ring<LastRequest> requests;
    std::vector<std::uint64_t> requested;  // by peer: the last request
    std::vector<std::uint64_t> confirmed;  // by peer
  };

  [[nodiscard]] bool done(Line& line) const noexcept;
  void speak(Connection& connection, std::size_t size_bytes);
  template <typename Find, typename Confirm>
  void settle(Line& line, Find& find, Confirm& confirm);

  Outbox& outbox_;
  std::array<Line, depths> lines_;
  std::size_t waiting_bytes_ = 0;
  std::uint64_t committed_ = 0;
  std::uint64_t requests_ = 0;
  std::uint8_t depth_ = 0;
};

template <typename Encode>
std::size_t Holdings::say(Connection& connection, SendRule when, bool in_order, Encode&& encode) {
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
  assert(waiting_bytes_ >= ticket.bytes);
  waiting_bytes_ -= ticket.bytes;
  for (std::size_t i = 0; i < ticket.requests; ++i) line.requests.pop_front();
  for (std::size_t i = 0; i < ticket.confirms; ++i) {
    const PendingConfirm pending = line.confirms.pop_front();
    confirm(pending.peer, pending.request);
  }
  for (std::size_t i = 0; i < ticket.packets; ++i) {
    const Packets packets = line.packets.pop_front();
    if (Connection* const connection = find(packets.connection)) {
      speak(*connection, packets.size_bytes);
    }
  }
}

}  // namespace broker
