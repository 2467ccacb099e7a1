#include "broker/shard_links.h"

#include <cassert>

#include "broker/shard_state.h"

// Links: peers that are no shards of this process.

namespace broker {
namespace {

Subscriber as_link_subscriber(PeerId link, mqtt::Qos qos) {
  assert(is_link(link));
  Subscriber subscriber;
  subscriber.kind = Subscriber::Kind::link;
  subscriber.index = static_cast<std::uint32_t>(link);
  subscriber.qos = qos;
  return subscriber;
}

}  // namespace

// Other shards need not know of filters of a link that they have themselves.
bool ShardLinks::counts(const Shard::State& state, PeerId link) {
  return state.tables.commons.interest.is_asked() &&
         state.path.links.reach_of(link) == LinkReach::process;
}

PeerId ShardLinks::add(PeerLink& link, LinkReach reach) {
  return inside_.aside().path.links.add(link, reach);
}

void ShardLinks::remove(PeerId link) { inside_.aside().path.links.remove(link); }

void ShardLinks::subscribe(PeerId link, std::string_view filter, mqtt::Qos qos) {
  Shard::State& state = inside_.aside();
  const auto added = state.tables.router.subscribe(filter, as_link_subscriber(link, qos));
  if (added.stored == TopicTrie::Stored::fresh && counts(state, link)) {
    state.tables.commons.interest.add(state.tables.options.index, filter);
  }
}

void ShardLinks::unsubscribe(PeerId link, std::string_view filter) {
  Shard::State& state = inside_.aside();
  const auto gone = state.tables.router.unsubscribe(filter, as_link_subscriber(link, {}));
  if (gone && counts(state, link)) {
    state.tables.commons.interest.remove(state.tables.options.index, filter);
  }
}

bool ShardLinks::publish_from(PeerId link, const MessageView& message, Instant now) {
  const Shard::Entry entry = inside_.enter(now);
  return (*entry).path.distribution.publish_from(link, message);
}

void ShardLinks::filters_announced() { inside_.aside().requests.filters_announced(); }

void ShardLinks::has_room(Instant now) {
  const Shard::Entry entry = inside_.enter(now);
  (*entry).path.links.look_for_room();
}

}  // namespace broker
