#include "broker/shard_state.h"

// Links: peers that are no shards of this process.

namespace broker {
namespace {

Subscriber as_link_subscriber(PeerId link, mqtt::Qos qos) {
  Subscriber subscriber;
  subscriber.kind = Subscriber::Kind::link;
  subscriber.index = static_cast<std::uint32_t>(link);
  subscriber.qos = qos;
  return subscriber;
}

}  // namespace

PeerId Shard::add_link(PeerLink& link) { return inside_.aside().path.links.add(link); }

void Shard::remove_link(PeerId link) { inside_.aside().path.links.remove(link); }

void Shard::subscribe_link(PeerId link, std::string_view filter, mqtt::Qos qos) {
  State& state = inside_.aside();
  const auto added = state.tables.router.subscribe(filter, as_link_subscriber(link, qos));
  if (added.stored == TopicTrie::Stored::fresh && state.tables.options.shards > 1) {
    state.tables.commons.interest.add(state.tables.options.index, filter);
  }
}

void Shard::unsubscribe_link(PeerId link, std::string_view filter) {
  State& state = inside_.aside();
  const auto gone = state.tables.router.unsubscribe(filter, as_link_subscriber(link, {}));
  if (gone && state.tables.options.shards > 1) {
    state.tables.commons.interest.remove(state.tables.options.index, filter);
  }
}

bool Shard::publish_from_link(PeerId link, const MessageView& message, Instant now) {
  const Entry entry = inside_.enter(now);
  return (*entry).path.distribution.publish_from(link, message);
}

void Shard::link_has_room(Instant now) {
  const Entry entry = inside_.enter(now);
  (*entry).path.links.look_for_room();
}

}  // namespace broker
