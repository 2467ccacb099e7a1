#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "broker/bridge/options.h"
#include "broker/core/topic_share.h"
#include "transport/link/options.h"

namespace transport {

/// All that a loop needs to know of a bridge, or of one connection of it if it has several.
struct BridgePlan {
  bridge::Options options;
  std::shared_ptr<const broker::TopicShare> share;  // of its session; null: all topics
  std::vector<LinkOptions> links;  // one for each of the options' addresses, in their order
  std::uint16_t listener = 0;      // index of the policy of bridges: see broker::Origin
  std::size_t threshold = 10;      // messages that wait before a lazy bridge connects
  bool replaces_at_once = false;   // a bridge of the same name; otherwise when it is not connected
};

}  // namespace transport
