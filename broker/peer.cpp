#include "broker/peer.h"

#include <utility>
#include <variant>

namespace broker {

bool may_be_dropped(const PeerMessage& message) noexcept {
  const auto* const publish = std::get_if<PeerPublish>(&message);
  return publish != nullptr && publish->message.qos == mqtt::Qos::at_most_once &&
         !publish->message.retain;
}

void PeerOutbox::send(ShardIndex to, PeerMessage message) {
  Lanes& peer = lanes(to);
  (is_control(message) ? peer.control : peer.data).push_back(std::move(message));
  ++waiting_;
}

void PeerOutbox::settled() noexcept {
  waiting_ = 0;
  for (const Lanes& peer : lanes_) waiting_ += peer.control.size() + peer.data.size();
}

}  // namespace broker
