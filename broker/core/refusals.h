// broker/core/refusals.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace broker {

/// Which limit kept a client out, held it up, or ended it.
enum class Refusal : std::uint8_t {
  max_connections,              ///< of the listener
  global_max_connections,       ///< of the broker
  connections_per_address,      ///< max_connections_per_address
  connection_rate,              ///< max_connection_rate of the listener
  connection_rate_per_address,  ///< max_connection_rate_per_address
  login_bytes_per_address,      ///< max_login_bytes_per_address: closed
  banned,                       ///< its address had too many failed logins
  handshake_timeout,            ///< no whole CONNECT, or no whole handshake before it, in time
  tls_handshake,                ///< it failed
  publish_rate,                 ///< max_publish_rate: disconnected
  publish_bytes_rate,           ///< max_publish_bytes_rate: disconnected
  publish_delayed,              ///< not read for a while, for one of the two
};
inline constexpr std::size_t refusal_kinds = 12;

/// As topics below $SYS say it.
inline constexpr std::array<std::string_view, refusal_kinds> refusal_names = {
    "max_connections", "global_max_connections",      "connections_per_address",
    "connection_rate", "connection_rate_per_address", "login_bytes_per_address",
    "banned",          "handshake_timeout",           "tls_handshake",
    "publish_rate",    "publish_bytes_rate",          "publish_delayed"};

/// How often, by Refusal.
using Refusals = std::array<std::uint64_t, refusal_kinds>;

}  // namespace broker
