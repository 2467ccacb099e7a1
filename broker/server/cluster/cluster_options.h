#pragma once

#include <cstdint>

#include "broker/server/cluster/cluster_service.h"
#include "conf/cluster_settings.h"

namespace server {

/// The options of this node. Without cluster_node its name follows from the host's.
///
/// Requires  `settings` has URLs.
[[nodiscard]] ClusterService::Options cluster_options_of(const conf::ClusterSettings& settings,
                                                         std::uint32_t shards);

}  // namespace server
