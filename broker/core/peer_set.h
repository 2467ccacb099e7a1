// broker/core/peer_set.h
#pragma once

#include <bit>
#include <cassert>
#include <cstdint>

#include "broker/core/peer_id.h"

namespace broker {

/// A set of the shards of a process, as peers: the fast path beside links, which are few.
///
/// Shape      One bit for each, shard 0 the lowest.
/// Threads    None: a value. bits() and of_bits() are for an atomic word.
class PeerSet {
 public:
  constexpr PeerSet() = default;
  /// Requires  is_link() is false.
  constexpr explicit PeerSet(PeerId peer) noexcept : bits_(bit_of(peer)) {}
  /// The shards 0 .. `shards` - 1.
  [[nodiscard]] static constexpr PeerSet first(std::uint32_t shards) noexcept {
    assert(shards > 0 && shards <= shard_peers_max);
    return of_bits(((std::uint64_t{1} << (shards - 1)) << 1U) - 1);
  }
  [[nodiscard]] static constexpr PeerSet of_bits(std::uint64_t bits) noexcept {
    PeerSet set;
    set.bits_ = bits;
    return set;
  }
  [[nodiscard]] constexpr std::uint64_t bits() const noexcept { return bits_; }

  [[nodiscard]] constexpr bool empty() const noexcept { return bits_ == 0; }
  [[nodiscard]] constexpr bool contains(PeerId peer) const noexcept {
    return (bits_ & bit_of(peer)) != 0;
  }
  constexpr void insert(PeerId peer) noexcept { bits_ |= bit_of(peer); }
  constexpr PeerSet& operator|=(PeerSet other) noexcept {
    bits_ |= other.bits_;
    return *this;
  }
  /// Takes out those of `other`.
  constexpr PeerSet& operator-=(PeerSet other) noexcept {
    bits_ &= ~other.bits_;
    return *this;
  }
  [[nodiscard]] friend constexpr PeerSet operator-(PeerSet one, PeerSet other) noexcept {
    return one -= other;
  }
  [[nodiscard]] friend constexpr PeerSet operator&(PeerSet one, PeerSet other) noexcept {
    return of_bits(one.bits_ & other.bits_);
  }
  constexpr bool operator==(const PeerSet&) const = default;

  /// Calls `visit(PeerId)` for each, in the order of the shards.
  template <typename Visit>
  constexpr void for_each(Visit&& visit) const {
    for (std::uint64_t rest = bits_; rest != 0; rest &= rest - 1) {
      visit(PeerId{static_cast<std::uint32_t>(std::countr_zero(rest))});
    }
  }

 private:
  [[nodiscard]] static constexpr std::uint64_t bit_of(PeerId peer) noexcept {
    assert(!is_link(peer));
    return std::uint64_t{1} << static_cast<std::uint32_t>(peer);
  }

  std::uint64_t bits_ = 0;
};

}  // namespace broker
