// broker/interest.h
#pragma once

#include <atomic>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "broker/core/ids.h"
#include "broker/core/peer_set.h"

namespace broker {

/// Which shards may have a subscriber for a topic: asked before a publish is sent to a peer.
///
/// Shape      Per shard one array of counters, indexed by a hash of a filter's literal prefix of up
///            to four levels ("a/b/+" counts under "a/b"), one counter for each length of such a
///            prefix, and one for filters that begin with a wildcard. A topic asks for each of its
///            prefixes that has a length anybody counts under.
/// Invariant  A filter is counted before its SUBACK leaves and until it is gone: "not interested"
///            is never wrong. "Interested" may be (two prefixes, one counter): it costs one match.
/// Threads    Any. Counters are atomic; generation() changes whenever an answer may have, so that
///            answers can be kept.
class Interest final {
 public:
  explicit Interest(std::uint32_t shards);

  void add(ShardIndex shard, std::string_view filter);
  void remove(ShardIndex shard, std::string_view filter);

  /// `topic` is a topic name.
  [[nodiscard]] PeerSet interested(std::string_view topic) const noexcept;
  [[nodiscard]] std::uint64_t generation() const noexcept {
    return generation_.load(std::memory_order_acquire);
  }
  [[nodiscard]] std::uint32_t shards() const noexcept { return shards_; }

  /// Most shards a process can have: see PeerSet.
  static constexpr std::uint32_t shards_max = shard_peers_max;

 private:
  using Counter = std::atomic<std::uint32_t>;

  [[nodiscard]] Counter& counter(std::size_t row, ShardIndex shard) noexcept {
    assert(static_cast<std::uint32_t>(shard) < shards_);
    assert(row * shards_ < counters_.size());
    return counters_[row * shards_ + static_cast<std::uint32_t>(shard)];
  }
  /// The shards that count something in a row.
  [[nodiscard]] PeerSet shards_in(std::size_t row) const noexcept;

  std::uint32_t shards_;
  std::vector<Counter> counters_;  // [row][shard]: buckets, lengths, wildcards
  alignas(64) std::atomic<std::uint64_t> generation_{1};
};

}  // namespace broker
