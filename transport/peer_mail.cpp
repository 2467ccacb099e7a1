#include "transport/peer_mail.h"

namespace transport {

std::size_t PeerMail::send(broker::PeerOutbox& outbox, std::int64_t begun_microseconds) {
  if (outbox.empty()) return 0;
  std::size_t dropped = 0;
  for (std::size_t to = 0; to < doors_.size(); ++to) {
    const broker::PeerId peer{static_cast<std::uint32_t>(to)};
    const auto pushed = mailboxes_.push(own_, peer, outbox.messages(peer), begun_microseconds);
    if (pushed.wake) doors_[to].ring();
    if (pushed.full) full_peers_.insert(peer);
    dropped += pushed.dropped;
  }
  outbox.settled();
  return dropped;
}

void PeerMail::give_room(broker::PeerSet senders) noexcept {
  senders.for_each([this](broker::PeerId sender) {
    doors_[static_cast<std::uint32_t>(sender)].give_room(own_);
  });
}

void PeerMail::awake() noexcept {
  if (alone()) return;
  mailboxes_.awake(own_);
  full_peers_ -= doors_[static_cast<std::uint32_t>(own_)].take_room();
}

}  // namespace transport
