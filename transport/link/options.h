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

/// A text of SOCKS5 (a host's name, a user's name, a password) has at most so many bytes.
inline constexpr std::size_t socks_text_bytes_max = 255;

/// A proxy that connects to the server, by its name.
struct LinkProxy {
  enum class Kind : std::uint8_t {
    http,   ///< by CONNECT (RFC 9110, section 9.3.6); the login is Basic (RFC 7617)
    socks,  ///< by SOCKS5 (RFC 1928); texts have at most socks_text_bytes_max bytes
  };

  std::string host;
  std::uint16_t port = 3128;
  std::optional<std::string> user_name{};
  std::string password{};
  Kind kind = Kind::http;

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
  /// The address's host is a domain, and its SRV records name the hosts and ports (`srv.h`), which
  /// are tried in their order. An empty host is the local domain. Unused for unix sockets.
  bool uses_srv = false;
  /// The name that TLS asks for and checks; empty: the address's host.
  std::string checked_host{};

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
