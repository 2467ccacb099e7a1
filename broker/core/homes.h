// broker/core/homes.h
#pragma once

#include <cassert>
#include <cstdint>
#include <string_view>

#include "broker/core/ids.h"
#include "broker/core/siphash.h"

namespace broker {

/// The shards of a process, and which of them a name belongs to.
///
/// Shape      The home of a name is siphash(name) mod shards: of a client id the shard of its
///            session, of a topic the shard that stores its retained message, of a shared
///            subscription the shard that picks its members. The same on every shard.
/// Invariant  A client that does not know the key cannot choose a home.
/// Threads    Any; it does not change.
class Homes {
 public:
  /// Requires  shards > 0.
  Homes(const std::uint64_t (&key)[2], std::uint32_t shards) noexcept
      : key_{key[0], key[1]}, shards_(shards) {
    assert(shards > 0);
  }

  [[nodiscard]] ShardIndex of(std::string_view name) const noexcept {
    return ShardIndex{static_cast<std::uint32_t>(siphash(key_, name) % shards_)};
  }
  /// The home of a shared subscription, whatever the client.
  [[nodiscard]] ShardIndex of_group(std::string_view share_name, std::string_view filter) const;

 private:
  std::uint64_t key_[2];
  std::uint32_t shards_;
};

}  // namespace broker
