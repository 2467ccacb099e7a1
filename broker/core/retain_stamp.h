// broker/core/retain_stamp.h
#pragma once

#include <compare>
#include <cstdint>
#include <string>

namespace broker {

/// Total order of retained updates across shards: later wins, the shard breaks ties.
struct RetainStamp {
  std::uint64_t count = 0;
  std::uint32_t shard = 0;
  auto operator<=>(const RetainStamp&) const = default;
};

/// The publisher's data that other parts need: check_retain_source, and No Local.
struct Publisher {
  std::string client_id;  // empty: the broker itself
  std::string user_name;
  std::uint16_t listener = 0;
  std::string address = {};  // only where permissions name it; not stored
};

}  // namespace broker
