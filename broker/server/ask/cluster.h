#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace ask {

/// A broker's cluster as lines for a terminal: from "cluster" in its answer to `status`.
///
/// Shape      "cluster darter, 3 nodes" and whether NATS is reached, then a table with a row for
///            each node, this one first. A value that another version lacks counts as 0.
[[nodiscard]] std::string cluster_text(const nlohmann::ordered_json& cluster);

}  // namespace ask
