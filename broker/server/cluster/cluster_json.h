#pragma once

#include <nlohmann/json_fwd.hpp>

#include "broker/cluster/node.h"
#include "broker/server/cluster/cluster_figures.h"

namespace server {

/// The state of this node and its cluster: "cluster" in the status of the API.
[[nodiscard]] nlohmann::ordered_json cluster_json(const cluster::ClusterView& view,
                                                  const ClusterFigures& figures);

}  // namespace server
