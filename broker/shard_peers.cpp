#include <algorithm>
#include <string>
#include <utility>

#include "broker/core/text.h"
#include "broker/shard_state.h"

namespace broker {

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
