#pragma once

#include <string_view>
#include <vector>

namespace conf {

/// The parts of a value of cluster_url, which commas or blanks separate; views into it.
[[nodiscard]] std::vector<std::string_view> cluster_urls(std::string_view value);

/// Whether a text is nats://HOST[:PORT] or tls://HOST[:PORT]: no user, no path.
[[nodiscard]] bool is_cluster_url(std::string_view url);

}  // namespace conf
