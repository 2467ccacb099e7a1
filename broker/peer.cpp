#include "broker/peer.h"

#include <cassert>
#include <utility>
#include <variant>

namespace broker {

bool may_be_dropped(const PeerMessage& message) noexcept {
  if (std::holds_alternative<PublishBatch>(message)) return true;
  const auto* const publish = std::get_if<PeerPublish>(&message);
  return publish != nullptr && publish->message.qos == mqtt::Qos::at_most_once &&
         !publish->message.retain;
}

std::size_t message_count(const PeerMessage& message) noexcept {
  const auto* const batch = std::get_if<PublishBatch>(&message);
  return batch == nullptr ? 1 : batch->size();
}

void PeerOutbox::send(PeerId to, PeerMessage message) {
  messages(to).push_back(std::move(message));
  ++waiting_;
}

void PeerOutbox::publish(PeerId to, const MessageView& message) {
  assert(PublishBatch::takes(message));
  std::vector<PeerMessage>& waiting = messages(to);
  PublishBatch* last = waiting.empty() ? nullptr : std::get_if<PublishBatch>(&waiting.back());
  if (last == nullptr || !last->has_room_for(message)) {
    last = &std::get<PublishBatch>(waiting.emplace_back(PublishBatch{}));
    ++waiting_;
  }
  last->append(message);
}

void PeerOutbox::settled() noexcept {
  waiting_ = 0;
  for (const std::vector<PeerMessage>& waiting : messages_) waiting_ += waiting.size();
}

}  // namespace broker
