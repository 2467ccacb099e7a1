#include "tools/null-relay/turn.h"

#include <utility>

namespace relay {

std::span<std::byte> Turn::room_to_read(std::size_t bytes) {
  if (!read_.has_room_for(bytes)) {
    flush_all();
    read_.clear(bytes);
  }
  return {read_.next(), bytes};
}

std::byte* Turn::make(std::size_t bytes) {
  if (!made_.has_room_for(bytes)) {
    flush_all();
    made_.clear(bytes);
  }
  return made_.take(bytes);
}

void Turn::flush(Peer& peer) {
  if (peer.gone) return;
  const Output::State state = peer.output.flush(peer.socket.number());
  if (state == Output::State::broken) return lose(peer);
  const bool waits = state == Output::State::socket_full;
  if (waits == peer.waits_for_socket) return;
  using For = sockets::Poller::For;
  poller_.change(peer.socket.number(), &peer, waits ? For::input_and_output : For::input);
  peer.waits_for_socket = waits;
}

void Turn::lose(Peer& peer) {
  if (!std::exchange(peer.gone, true)) lost_.push_back(&peer);
}

std::vector<Peer*> Turn::end() {
  flush_all();
  read_.clear();
  return std::exchange(lost_, {});
}

void Turn::flush_all() {
  for (Peer* const peer : receivers_) {
    peer->has_output = false;
    flush(*peer);
  }
  receivers_.clear();
  made_.clear();
}

}  // namespace relay
