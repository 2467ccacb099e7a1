#include "broker/peer_links.h"

#include <algorithm>
#include <cassert>

#include "broker/core/drops.h"

namespace broker {

PeerId PeerLinks::add(PeerLink& link) {
  links_.push_back(&link);
  return peer_of_link(static_cast<std::uint32_t>(links_.size() - 1));
}

void PeerLinks::remove(PeerId peer) {
  assert(link_of(peer) < links_.size() && links_[link_of(peer)] != nullptr);
  links_[link_of(peer)] = nullptr;
}

void PeerLinks::send(PeerId peer, const MessageView& message, mqtt::Qos qos) {
  assert(link_of(peer) < links_.size());
  PeerLink* const link = links_[link_of(peer)];
  if (link == nullptr) return;
  if (qos == mqtt::Qos::at_most_once && !link->room()) {
    ++metrics_.publish_dropped;
    ++metrics_.dropped[static_cast<std::size_t>(DropReason::mailbox_full)];
    return;
  }
  link->send(message, qos);
  full_ = full_ || !link->room();
}

bool PeerLinks::look_for_room() noexcept {
  full_ = std::ranges::any_of(
      links_, [](const PeerLink* link) { return link != nullptr && !link->room(); });
  return full_;
}

}  // namespace broker
