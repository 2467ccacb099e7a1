// broker/core/home.h
#pragma once

#include <cstdint>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/siphash.h"

namespace broker {

/// The shard where a client, a group or a retained topic is at home: a keyed hash, so that nobody
/// can aim all of them at one shard.
[[nodiscard]] inline ShardIndex home_shard(const std::uint64_t (&key)[2], std::uint32_t shards,
                                           std::string_view name) noexcept {
  return ShardIndex{static_cast<std::uint32_t>(siphash(key, name) % shards)};
}

}  // namespace broker
