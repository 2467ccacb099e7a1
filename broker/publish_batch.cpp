#include "broker/publish_batch.h"

#include "broker/wire/cursor.h"

namespace broker {

void PublishBatch::append(const MessageView& message) {
  Head head;
  if (message.expires) head.expires_milliseconds = message.expires->milliseconds;
  head.topic_size = static_cast<std::uint16_t>(message.topic.size());
  head.properties_size = static_cast<std::uint16_t>(message.properties.size());
  head.payload_size = static_cast<std::uint16_t>(message.payload.size());
  std::byte* place = bytes_.extend(size_of(message));
  std::memcpy(place, &head, sizeof head);
  place = mqtt::put_bytes(place + sizeof head, mqtt::as_bytes(message.topic));
  place = mqtt::put_bytes(place, message.properties);
  mqtt::put_bytes(place, message.payload);
  ++size_;
}

}  // namespace broker
