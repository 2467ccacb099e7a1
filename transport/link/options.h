// transport/link/options.h
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "transport/connector.h"
#include "transport/link/address.h"

namespace transport {

class LinkTls;

/// An HTTP proxy that connects through by CONNECT (RFC 9110, section 9.3.6).
struct LinkProxy {
  std::string host;
  std::uint16_t port = 3128;
  std::optional<std::string> user_name{};  // Basic (RFC 7617)
  std::string password{};

  bool operator==(const LinkProxy&) const = default;
};

/// The request that opens a WebSocket.
struct LinkWebSocket {
  /// Used if the address has none; begins with '/'.
  std::string path = "/mqtt";
  /// Further header fields, Origin and cookies for example, as they are to be sent. A `Host` takes
  /// the place of the address's.
  std::vector<std::pair<std::string, std::string>> fields{};
  std::string subprotocol = "mqtt";  // [MQTT-6.0.0-3]; `mqttv3.1` for 3.1

  bool operator==(const LinkWebSocket&) const = default;
};

/// Where a link goes to, and by which way.
struct LinkOptions {
  LinkAddress address;
  SocketOptions socket{};
  /// Requires  Not null if address.has_tls(); unused otherwise.
  std::shared_ptr<const LinkTls> tls{};
  LinkWebSocket websocket{};
  std::optional<LinkProxy> proxy{};  // unused for unix sockets

  /// For proxy, TLS and WebSocket together, once TCP is connected (`socket.times` is for that).
  std::int64_t handshake_milliseconds = 30'000;
  /// For the last bytes to leave, and the peer's end to come, after close().
  std::int64_t close_milliseconds = 2'000;
  /// Link::write() takes no more while so many bytes or more are unsent.
  std::size_t unsent_bytes_max = 262'144;
};

/// The place that a link connects to: its proxy, if it has one.
[[nodiscard]] ConnectTarget target_of(const LinkOptions& options);

}  // namespace transport
