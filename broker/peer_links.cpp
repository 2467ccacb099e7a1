#include "broker/peer_links.h"

#include <algorithm>
#include <cassert>

#include "broker/core/drops.h"

namespace broker {

PeerId PeerLinks::add(PeerLink& link, LinkReach reach) {
  links_.push_back({&link, reach});
  return peer_of_link(static_cast<std::uint32_t>(links_.size() - 1));
}

void PeerLinks::remove(PeerId peer) {
  assert(link_of(peer) < links_.size() && links_[link_of(peer)].link != nullptr);
  links_[link_of(peer)].link = nullptr;
  look_for_room();
}

void PeerLinks::send(PeerId peer, const MessageView& message, mqtt::Qos qos) {
  assert(link_of(peer) < links_.size());
  PeerLink* const link = links_[link_of(peer)].link;
  if (link == nullptr) return;
  if (qos == mqtt::Qos::at_most_once && !link->room()) {
    ++metrics_.publish_dropped;
    ++metrics_.dropped[static_cast<std::size_t>(DropReason::mailbox_full)];
    return;
  }
  link->send(message, qos);
  if (!full_here_ && !link->room()) set_full(true);
}

void PeerLinks::look_for_room() {
  if (!full_here_) return;
  const bool full = std::ranges::any_of(
      links_, [](const Entry& each) { return each.link != nullptr && !each.link->room(); });
  if (!full) set_full(false);
}

void PeerLinks::on_peer(ShardIndex from, const LinksFull& message) {
  const PeerSet shard(peer_of_shard(from));
  assert(others_.contains(peer_of_shard(from)));
  if (message.full) {
    full_elsewhere_ |= shard;
  } else {
    full_elsewhere_ -= shard;
  }
}

void PeerLinks::set_full(bool full) {
  assert(full != full_here_);
  full_here_ = full;
  others_.for_each([&](PeerId shard) { peers_.send(shard, LinksFull{full}); });
}

}  // namespace broker
