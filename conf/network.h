#pragma once

#include <string_view>

namespace conf {

/// Is this an address or a network: "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"?
[[nodiscard]] bool is_network(std::string_view text);

/// Is `address` (without a prefix) in `network`? False if either is none, or they are of two kinds.
[[nodiscard]] bool network_contains(std::string_view network, std::string_view address);

}  // namespace conf
