#include "broker/peer_input.h"

#include <memory>
#include <variant>

namespace broker {

void PeerInput::take(ShardIndex from, PeerMessage& message) {
  std::visit([&](auto& said) { on_peer(from, said); }, message);
}

void PeerInput::on_peer(ShardIndex from, MetricsRequest& /*message*/) {
  peers_.send(peer_of_shard(from),
              MetricsReport{std::make_shared<const Metrics>(figures_.snapshot())});
}

void PeerInput::on_peer(ShardIndex from, MetricsReport& message) {
  figures_.report(from, *message.metrics);
}

void PeerInput::on_peer(ShardIndex from, Confirmed& message) {
  forwards_.confirmed(from, message.request);
}

}  // namespace broker
