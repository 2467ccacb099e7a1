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
  messages(to).push_back(std::move(message));
  ++waiting_;
}

void PeerOutbox::settled() noexcept {
  waiting_ = 0;
  for (const std::vector<PeerMessage>& waiting : messages_) waiting_ += waiting.size();
}

}  // namespace broker
