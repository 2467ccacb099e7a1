#include "broker/interest.h"

#include <bit>
#include <cassert>
#include <cstddef>

namespace broker {
namespace {

constexpr std::size_t prefix_levels_max = 4;
constexpr std::size_t buckets = 32'768;           // a power of two
constexpr std::size_t length_rows = buckets - 1;  // + 1 .. 4: filters with a prefix of that length
constexpr std::size_t wildcard_row = length_rows + prefix_levels_max + 1;
constexpr std::size_t rows = wildcard_row + 1;
static_assert(std::has_single_bit(buckets));
constexpr std::uint64_t hash_start = 0xCBF29CE484222325U;

std::uint64_t extend(std::uint64_t hash, std::string_view level) noexcept {
  for (const char letter : level) {
    hash = (hash ^ static_cast<unsigned char>(letter)) * 0x100000001B3U;
  }
  return (hash ^ '/') * 0x100000001B3U;
}

std::size_t row_of(std::uint64_t hash) noexcept { return (hash ^ hash >> 32U) & (buckets - 1); }

std::string_view next_level(std::string_view& rest, bool& last) noexcept {
  const std::size_t slash = rest.find('/');
  const std::string_view level = rest.substr(0, slash);
  last = slash == std::string_view::npos;
  if (!last) rest.remove_prefix(slash + 1);
  return level;
}

/// The rows that a filter counts in: those of its literal prefix, or twice the same.
struct FilterRows {
  std::size_t bucket = wildcard_row;
  std::size_t length = wildcard_row;
};

FilterRows rows_of(std::string_view filter) noexcept {
  std::uint64_t hash = hash_start;
  std::size_t levels = 0;
  for (bool last = false; !last && levels < prefix_levels_max; ++levels) {
    const std::string_view level = next_level(filter, last);
    if (level == "+" || level == "#") break;
    hash = extend(hash, level);
  }
  if (levels == 0) return {};
  return {row_of(hash), length_rows + levels};
}

}  // namespace

Interest::Interest(std::uint32_t shards) : shards_(shards), counters_(rows * shards) {
  assert(shards > 0 && shards <= shards_max);
}

void Interest::tell(FilterWatch& watch) noexcept {
  assert(watch_ == nullptr && generation() == 1);
  watch_ = &watch;
}

void Interest::add(ShardIndex shard, std::string_view filter) {
  const FilterRows at = rows_of(filter);
  const auto first_in = [&](std::size_t row) {
    return counter(row, shard).fetch_add(1, std::memory_order_acq_rel) == 0;
  };
  const bool new_bucket = first_in(at.bucket);
  const bool new_length = first_in(at.length);
  if (new_bucket || new_length) generation_.fetch_add(1, std::memory_order_acq_rel);
  if (watch_ != nullptr) watch_->filter_added(filter);
}

void Interest::remove(ShardIndex shard, std::string_view filter) {
  const FilterRows at = rows_of(filter);
  const auto last_in = [&](std::size_t row) {
    const std::uint32_t before = counter(row, shard).fetch_sub(1, std::memory_order_acq_rel);
    assert(before > 0);  // add() counted the filter
    return before == 1;
  };
  const bool no_bucket = last_in(at.bucket);
  const bool no_length = last_in(at.length);
  if (no_bucket || no_length) generation_.fetch_add(1, std::memory_order_acq_rel);
  if (watch_ != nullptr) watch_->filter_removed(filter);
}

PeerSet Interest::shards_in(std::size_t row) const noexcept {
  std::uint64_t bits = 0;  // without a branch: this is asked for each new topic
  for (std::uint32_t shard = 0; shard < shards_; ++shard) {
    const bool counted = counters_[row * shards_ + shard].load(std::memory_order_acquire) != 0;
    bits |= std::uint64_t{counted} << shard;
  }
  return PeerSet::of_bits(bits);
}

PeerSet Interest::interested(std::string_view topic) const noexcept {
  // [MQTT-4.7.2-1]
  PeerSet found = topic.starts_with('$') ? PeerSet() : shards_in(wildcard_row);
  std::uint64_t hash = hash_start;
  bool last = false;
  for (std::size_t levels = 1; !last && levels <= prefix_levels_max; ++levels) {
    hash = extend(hash, next_level(topic, last));
    const PeerSet of_length = shards_in(length_rows + levels);
    if (!of_length.empty()) found |= of_length & shards_in(row_of(hash));
  }
  return found;
}

}  // namespace broker
