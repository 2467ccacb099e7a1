#include "transport/peer_mail.h"

#include <bit>

namespace transport {

namespace {

constexpr std::uint64_t bit_of_peer(std::size_t peer) noexcept { return std::uint64_t{1} << peer; }

}  // namespace

std::size_t PeerMail::send(broker::PeerOutbox& outbox) {
  if (outbox.empty()) return 0;
  std::size_t dropped = 0;
  for (std::size_t to = 0; to < doors_.size(); ++to) {
    const broker::ShardIndex peer{static_cast<std::uint32_t>(to)};
    const auto pushed = mailboxes_.push(own_, peer, outbox.messages(peer));
    if (pushed.wake) doors_[to].ring();
    if (pushed.full) full_peers_ |= bit_of_peer(to);
    dropped += pushed.dropped;
  }
  outbox.settled();
  return dropped;
}

void PeerMail::give_room(std::uint64_t senders) noexcept {
  for (; senders != 0; senders &= senders - 1) {
    doors_[static_cast<std::size_t>(std::countr_zero(senders))].give_room(own_);
  }
}

void PeerMail::awake() noexcept {
  if (alone()) return;
  mailboxes_.awake(own_);
  full_peers_ &= ~doors_[static_cast<std::uint32_t>(own_)].take_room();
}

}  // namespace transport
