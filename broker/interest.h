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

/// A part of the process that has to know every filter: the cluster's service.
///
/// Threads    Calls come from all shards.
class FilterWatch {
 public:
  FilterWatch() = default;
  virtual ~FilterWatch() = default;
  FilterWatch(const FilterWatch&) = delete;
  FilterWatch& operator=(const FilterWatch&) = delete;

  /// A subscription to a filter was made: once for each, so a filter may come again and again.
  virtual void filter_added(std::string_view filter) = 0;
  /// One has ended that was made before.
  virtual void filter_removed(std::string_view filter) = 0;
  /// Stands for all calls so far.
  [[nodiscard]] virtual std::uint64_t mark() const noexcept = 0;
  /// Whether all that a mark stands for is known wherever messages for it may come from. If not,
  /// all shards are told when it is: ShardLinks::filters_announced().
  [[nodiscard]] virtual bool is_announced(std::uint64_t mark) const noexcept = 0;
};

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

  /// Has all changes told to `watch` too.
  ///
  /// Requires  Nothing was added. `watch` outlives the shards.
  void tell(FilterWatch& watch) noexcept;
  /// Whether anything asks for filters: if not, nothing has to be added or removed.
  [[nodiscard]] bool is_asked() const noexcept { return shards_ > 1 || watch_ != nullptr; }

  /// See FilterWatch; without one all is announced at once.
  [[nodiscard]] std::uint64_t mark() const noexcept {
    return watch_ == nullptr ? 0 : watch_->mark();
  }
  [[nodiscard]] bool is_announced(std::uint64_t mark) const noexcept {
    return watch_ == nullptr || watch_->is_announced(mark);
  }

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
  FilterWatch* watch_ = nullptr;
  std::vector<Counter> counters_;  // [row][shard]: buckets, lengths, wildcards
  alignas(64) std::atomic<std::uint64_t> generation_{1};
};

}  // namespace broker
