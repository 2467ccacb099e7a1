#include "broker/client/publication.h"

#include <algorithm>

namespace client {

KeptPublication::KeptPublication(const Publication& publication, Instant now)
    : properties_offset_(publication.topic.size()),
      payload_offset_(properties_offset_ + publication.properties.size()),
      accepted_(now),
      expiry_seconds_(publication.message_expiry_interval_seconds),
      qos_(publication.qos),
      retain_(publication.retain) {
  const mqtt::Bytes topic = mqtt::as_bytes(publication.topic);
  std::byte* place = bytes_.extend(payload_offset_ + publication.payload.size());
  for (const mqtt::Bytes part : {topic, publication.properties, publication.payload}) {
    place = mqtt::put_bytes(place, part);
  }
}

Publication KeptPublication::view(Instant now) const noexcept {
  const mqtt::Bytes all = bytes_.view();
  Publication publication{
      .topic = mqtt::as_text(all.first(properties_offset_)),
      .payload = all.subspan(payload_offset_),
      .properties = all.subspan(properties_offset_, payload_offset_ - properties_offset_),
      .qos = qos_,
      .retain = retain_};
  if (expiry_seconds_) {
    const std::int64_t passed = (now.milliseconds - accepted_.milliseconds) / 1000;
    const std::int64_t left = std::int64_t{*expiry_seconds_} - std::max<std::int64_t>(passed, 0);
    publication.message_expiry_interval_seconds =
        static_cast<std::uint32_t>(std::max<std::int64_t>(left, 1));
  }
  return publication;
}

}  // namespace client
