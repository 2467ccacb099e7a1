#pragma once

#include <cstdint>
#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "conf/bridge_settings.h"
#include "transport/bridge/bridge_plan.h"

namespace server {

/// The parts of a bridge's options that come from this machine and this process.
struct BridgePlace {
  std::string host_name;
  std::uint16_t listener = 0;         // of the policy of bridges
  std::uint16_t receive_maximum = 0;  // of the broker; 0: no limit
  bool retain_available = true;       // of the broker
  std::uint64_t seed = 0;             // differs between bridges
};

/// The client id of a bridge at the other broker, and here: as Mosquitto makes them.
[[nodiscard]] std::string remote_client_id_of(const conf::BridgeSettings& settings,
                                              std::string_view host_name);
[[nodiscard]] std::string local_client_id_of(const conf::BridgeSettings& settings,
                                             std::string_view host_name);

/// The plans of the connections of a bridge, one for each. Reads the files of its TLS.
///
/// Errors    One sentence with its full stop: "Bridge NAME: ...".
[[nodiscard]] std::expected<std::vector<transport::BridgePlan>, std::string> bridge_plans_of(
    const conf::BridgeSettings& settings, const BridgePlace& place);

}  // namespace server
