#include <algorithm>
#include <string>
#include <utility>

#include "broker/core/text.h"
#include "broker/shard_state.h"

namespace broker {

std::uint64_t Shard::State::interested_peers(std::string_view topic, Route& route) const {
  if (alone()) return 0;
  // The generation is read before the answer: a change in between makes the answer be asked again.
  const std::uint64_t generation = commons.interest.generation();
  if (route.peers_generation != generation) {
    route.peers = commons.interest.interested(topic);
    route.peers_generation = generation;
  }
  return route.peers;
}

void Shard::State::send_in_batch(std::uint64_t to, const MessageView& message) {
  for (std::uint32_t shard = 0; shard < options.shards; ++shard) {
    if ((to >> shard & 1U) != 0) peers.publish(ShardIndex{shard}, message);
  }
}

// Every shard has all retained messages, but only one of them stores each.
void Shard::State::send_to_peers(const Peers& to, Publication& publication, RetainStamp stamp,
                                 const std::shared_ptr<const Publisher>& by) {
  const SharedMessage& message = *publication.shared;
  const std::uint32_t keeper =
      message.retain ? static_cast<std::uint32_t>(homes.of(message.view().topic)) : options.shards;
  for (std::uint32_t shard = 0; shard < options.shards; ++shard) {
    if ((to.all >> shard & 1U) == 0) continue;
    // Retained QoS 2 also to shards without subscribers: one that comes meanwhile gets it once.
    const bool queued =
        message.qos == mqtt::Qos::exactly_once ||
        (message.qos == mqtt::Qos::at_least_once && (to.interested >> shard & 1U) != 0);
    PeerPublish told{message, stamp, by, {}};
    forwards.send(ShardIndex{shard}, std::move(told), queued || shard == keeper, &publication);
  }
}

void Shard::State::on_peer(ShardIndex /*from*/, PublishBatch& batch) {
  batch.for_each([this](const MessageView& message) {
    Route& route = router.route(message.topic);
    Publication publication(message, turn.now(), route.receivers.size());
    publication.marked = ledger.on();
    hand_out(publication, route, nullptr);
  });
}

void Shard::State::on_peer(ShardIndex from, PeerPublish& message) {
  forwards.begin_peer_input(from, message.confirm);
  const MessageView view = message.message.view();
  Route& route = router.route(view.topic);
  Publication publication(view, turn.now(), route.receivers.size());
  publication.shared = &message.message;
  if (view.retain) {
    retain(publication, message.stamp, std::move(message.publisher));
  }
  // No Local cannot apply: the publisher's session is on the shard that sent this.
  hand_out(publication, route, nullptr);
}

void Shard::State::on_peer(ShardIndex from, MetricsRequest& /*message*/) {
  peers.send(from, MetricsReport{std::make_shared<const Metrics>(figures.snapshot())});
}

void Shard::State::on_peer(ShardIndex from, MetricsReport& message) {
  figures.report(from, *message.metrics);
}

void Shard::State::on_peer(ShardIndex from, Confirmed& message) {
  forwards.confirmed(from, message.request);
}

}  // namespace broker
