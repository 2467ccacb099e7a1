// broker/core/peer_id.h
#pragma once

#include <cassert>
#include <cstdint>

#include "broker/core/ids.h"

namespace broker {

/// A receiver of copies of a shard's published messages: the other shards of the process by their
/// indexes, then links (a bridge, another node), which each shard numbers by itself.
enum class PeerId : std::uint32_t {};

/// Most shards a process can have: see PeerSet.
inline constexpr std::uint32_t shard_peers_max = 64;

[[nodiscard]] constexpr PeerId peer_of_shard(ShardIndex shard) noexcept {
  return PeerId{static_cast<std::uint32_t>(shard)};
}
[[nodiscard]] constexpr PeerId peer_of_link(std::uint32_t link) noexcept {
  return PeerId{shard_peers_max + link};
}
[[nodiscard]] constexpr bool is_link(PeerId peer) noexcept {
  return static_cast<std::uint32_t>(peer) >= shard_peers_max;
}
/// Requires  is_link() is false.
[[nodiscard]] constexpr ShardIndex shard_of(PeerId peer) noexcept {
  assert(!is_link(peer));
  return ShardIndex{static_cast<std::uint32_t>(peer)};
}
/// Requires  is_link().
[[nodiscard]] constexpr std::uint32_t link_of(PeerId peer) noexcept {
  assert(is_link(peer));
  return static_cast<std::uint32_t>(peer) - shard_peers_max;
}

}  // namespace broker
