// broker/core/client_kinds.h
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "broker/wire/protocol.h"

namespace broker {

/// The layers between a client's socket and its MQTT packets.
enum class ClientTransport : std::uint8_t {
  tcp,
  tls,
  websocket,      ///< over TCP or a unix socket: TLS may end at a proxy
  websocket_tls,  ///< over TLS
  unix_socket,    ///< MQTT on a unix socket
  internal,       ///< no socket: a bridge of this broker
};
inline constexpr std::array<std::string_view, 6> client_transport_names = {
    "tcp", "tls", "websocket", "websocket_tls", "unix_socket", "internal"};
/// Clients by ClientTransport.
using ClientsByTransport = std::array<std::uint64_t, client_transport_names.size()>;

/// Versions of MQTT, in the order of protocol levels from 3 on.
inline constexpr std::array<std::string_view, 3> client_version_names = {"3.1", "3.1.1", "5.0"};
/// Clients by version.
using ClientsByVersion = std::array<std::uint64_t, client_version_names.size()>;
[[nodiscard]] constexpr std::size_t index_of(mqtt::Version version) noexcept {
  return static_cast<std::size_t>(version) - static_cast<std::size_t>(mqtt::Version::v3_1);
}
static_assert(index_of(mqtt::Version::v5_0) == client_version_names.size() - 1);

/// QoS levels, as labels.
inline constexpr std::array<std::string_view, 3> qos_names = {"0", "1", "2"};
/// Messages or bytes by QoS.
using ByQos = std::array<std::uint64_t, qos_names.size()>;
[[nodiscard]] constexpr std::uint64_t sum_over(const ByQos& counts) noexcept {
  return counts[0] + counts[1] + counts[2];
}

}  // namespace broker
