#include "broker/interest.h"

#include <array>
#include <cstddef>

namespace broker {
namespace {

constexpr std::size_t prefix_levels_max = 4;
constexpr std::size_t buckets = 4096;          // a power of two
constexpr std::size_t wildcard_row = buckets;  // filters that begin with a wildcard
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

/// The row that a filter counts in: of its literal prefix.
std::size_t row_of_filter(std::string_view filter) noexcept {
  std::uint64_t hash = hash_start;
  std::size_t levels = 0;
  for (bool last = false; !last && levels < prefix_levels_max; ++levels) {
    const std::string_view level = next_level(filter, last);
    if (level == "+" || level == "#") break;
    hash = extend(hash, level);
  }
  return levels == 0 ? wildcard_row : row_of(hash);
}

}  // namespace

Interest::Interest(std::uint32_t shards) : shards_(shards), counters_((buckets + 1) * shards) {}

std::atomic<std::uint32_t>& Interest::counter(ShardIndex shard, std::string_view filter) noexcept {
  return counters_[row_of_filter(filter) * shards_ + static_cast<std::uint32_t>(shard)];
}

void Interest::add(ShardIndex shard, std::string_view filter) {
  if (counter(shard, filter).fetch_add(1, std::memory_order_acq_rel) == 0) {
    generation_.fetch_add(1, std::memory_order_acq_rel);
  }
}

void Interest::remove(ShardIndex shard, std::string_view filter) {
  if (counter(shard, filter).fetch_sub(1, std::memory_order_acq_rel) == 1) {
    generation_.fetch_add(1, std::memory_order_acq_rel);
  }
}

std::uint64_t Interest::interested(std::string_view topic) const noexcept {
  std::array<std::size_t, prefix_levels_max + 1> rows{wildcard_row};
  std::size_t count = 1;
  std::uint64_t hash = hash_start;
  for (bool last = false; !last && count < rows.size();) {
    hash = extend(hash, next_level(topic, last));
    rows[count++] = row_of(hash);
  }
  std::uint64_t mask = 0;
  for (std::size_t i = 0; i < count; ++i) {
    for (std::uint32_t shard = 0; shard < shards_; ++shard) {
      const auto& cell = counters_[rows[i] * shards_ + shard];
      if (cell.load(std::memory_order_acquire) != 0) mask |= std::uint64_t{1} << shard;
    }
  }
  return mask;
}

}  // namespace broker
