#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "broker/wire/bytes.h"
#include "tools/null-relay/arena.h"
#include "tools/null-relay/peer.h"
#include "tools/socket/poller.h"

namespace relay {

/// One round of events: the bytes read, the packets to send because of them, and their receivers.
///
/// Invariant  Bytes that were read stay in place until the next room_to_read(), so that they can
///            be forwarded from where they are.
class Turn {
 public:
  explicit Turn(const sockets::Poller& poller) : poller_(poller) {}

  /// Room for the next read. Bytes taken before may be gone, all of them sent.
  [[nodiscard]] std::span<std::byte> room_to_read(std::size_t bytes);
  /// Keeps the first `bytes` of that room.
  void keep_read(std::size_t bytes) { read_.take(bytes); }

  /// Room for a packet to send; packets made before may be gone, all of them sent.
  [[nodiscard]] std::byte* make(std::size_t bytes);

  /// Adds to the output of `peer`: bytes that were read or made in this turn.
  void send(Peer& peer, mqtt::Bytes bytes) {
    if (!peer.has_output) {
      peer.has_output = true;
      receivers_.push_back(&peer);
    }
    peer.output.add(bytes);
  }

  /// Writes the output of one peer, after its socket has room again.
  void flush(Peer& peer);
  /// Gives a peer up; it is sent nothing more.
  void lose(Peer& peer);
  /// Writes everything.
  ///
  /// Returns   The peers that were lost since the last time; nothing here names them any more.
  [[nodiscard]] std::vector<Peer*> end();

 private:
  void flush_all();

  const sockets::Poller& poller_;
  Arena read_{1U << 20U};
  Arena made_{1U << 20U};
  std::vector<Peer*> receivers_;
  std::vector<Peer*> lost_;
};

}  // namespace relay
