#pragma once

#include <string_view>

namespace conf {

/// Is this an address or a network: "192.0.2.1", "192.0.2.0/24", "2001:db8::/32"?
[[nodiscard]] bool is_network(std::string_view text);

}  // namespace conf
