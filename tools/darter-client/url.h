#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace shell {

/// The address of a broker and a topic, as -L gives them:
/// "mqtts://user:password@[2001:db8::1]:8883/a/topic", or "unix:/run/darter.sock" without a topic.
struct Url {
  bool secured = false;
  bool websockets = false;
  std::string host;  // an IPv6 address without its brackets; empty if `unix_path` is not
  std::string unix_path;
  std::optional<std::uint16_t> port;  // nothing only for a Unix socket
  std::optional<std::string> user_name;
  std::optional<std::string> password;
  std::optional<std::string> topic;
};

/// Errors    The lines for standard error.
[[nodiscard]] std::expected<Url, std::string> parse_url(std::string_view text);

}  // namespace shell
