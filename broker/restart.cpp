#include "broker/restart.h"

#include <cstdint>
#include <optional>
#include <utility>

#include "broker/peer.h"
#include "broker/shard_renewal.h"

namespace broker {
namespace {

/// Delivers the messages of each shard to the others once. Returns whether there was any.
bool exchange_once(std::span<Shard* const> shards, Instant now) {
  bool any = false;
  for (std::uint32_t from = 0; from < shards.size(); ++from) {
    PeerOutbox& outbox = shards[from]->peer_outbox();
    for (std::uint32_t to = 0; to < shards.size(); ++to) {
      for (PeerMessage& message : std::exchange(outbox.messages(PeerId{to}), {})) {
        any = true;
        shards[to]->from_peer(ShardIndex{from}, std::move(message), now);
      }
    }
    outbox.settled();
  }
  return any;
}

void exchange(std::span<Shard* const> shards, Instant now) {
  while (exchange_once(shards, now)) {
  }
}

}  // namespace

void restored(std::span<Shard* const> shards, std::uint64_t last_key, Instant now) {
  for (Shard* const shard : shards) shard->restored(last_key, now);
  exchange(shards, now);
}

std::vector<ShardBatch> finish_forwards(std::span<Shard* const> shards, Instant now) {
  for (Shard* const shard : shards) shard->finish_forwards(now);
  exchange(shards, now);
  std::vector<ShardBatch> batches;
  for (std::uint32_t i = 0; i < shards.size(); ++i) {
    shards[i]->end_turn(now);
    auto batch = shards[i]->take_journal(now, true);
    if (batch) batches.push_back({ShardIndex{i}, std::move(*batch)});
  }
  return batches;
}

std::vector<std::uint64_t> rewrite(std::span<Shard* const> shards, Instant now,
                                   const std::function<void(const JournalBatch&)>& give) {
  exchange(shards, now);
  for (Shard* const shard : shards) {
    shard->end_turn(now);
    shard->renewal().begin();
    for (bool more = true; more;) {
      JournalBatch batch;
      more = shard->renewal().renew(batch);
      give(batch);
    }
  }
  std::vector<std::uint64_t> positions;
  positions.reserve(shards.size());
  for (Shard* const shard : shards) {
    const JournalBatch batch = shard->renewal().end(now);
    give(batch);
    positions.push_back(batch.position);
  }
  return positions;
}

}  // namespace broker
