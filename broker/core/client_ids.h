// broker/core/client_ids.h
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "broker/core/homes.h"
#include "broker/core/ids.h"

namespace broker {

/// Client identifiers for clients that come with none.
///
/// Shape      The prefix of the listener, and a UUID of version 4 from a keyed hash over a counter.
/// Invariant  Each is unique, and at home on its shard, so that the connection need not move.
/// Lifetime   `homes` outlives the object.
/// Threads    None.
/// Source     [MQTT-3.1.3-6]
class ClientIds {
 public:
  /// `seed` differs between shards; `secret` is the process's.
  ClientIds(std::uint64_t seed, std::uint64_t secret, const Homes& homes, ShardIndex shard)
      : key_{seed, secret}, homes_(homes), shard_(shard) {}

  [[nodiscard]] std::string next(std::string_view prefix);

 private:
  const std::uint64_t key_[2];
  const Homes& homes_;
  const ShardIndex shard_;
  std::uint64_t made_ = 0;
};

}  // namespace broker
