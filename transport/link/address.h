// transport/link/address.h
#pragma once

#include <cstdint>
#include <expected>
#include <optional>
#include <string>
#include <string_view>

namespace transport {

/// How a server is spoken to.
enum class LinkScheme : std::uint8_t {
  mqtt,   ///< MQTT over TCP
  mqtts,  ///< MQTT over TLS
  ws,     ///< MQTT over WebSocket
  wss,    ///< MQTT over WebSocket over TLS
  unix_socket,
};

/// The address of an MQTT server, as users write it.
///
/// Shape      mqtt://user:password@host:1883/rest   mqtts://host   ws://host:8080/path?query
///            wss://[2001:db8::1]/mqtt   unix:/run/darter.sock   unix:///run/darter.sock
///            host   host:1883   [2001:db8::1]:1883   2001:db8::1
/// Invariant  Of a parsed one: a host that is not empty and a port that is not 0; or, for a unix
///            socket, a path that is not empty.
/// Source     RFC 3986 for the parts of a URL.
struct LinkAddress {
  LinkScheme scheme = LinkScheme::mqtt;
  std::string host{};  // a name, or an address without brackets
  std::uint16_t port = 1883;
  /// unix: the file. Otherwise the text from the first '/' behind the host on, with its query, as
  /// it stands; empty if there is none. For WebSockets it is the target of the request.
  std::string path{};
  std::optional<std::string> user_name{};  // without its %XX
  std::optional<std::string> password{};

  /// Without a scheme it is `mqtt`. Without a port it is the scheme's: 1883, 8883, 80 and 443;
  /// without scheme and port it is `port`.
  ///
  /// Errors    Why not, with a correct example, as a sentence without its full stop. It has no
  ///           password in it.
  [[nodiscard]] static std::expected<LinkAddress, std::string> parse(std::string_view text,
                                                                     std::uint16_t port = 1883);

  [[nodiscard]] bool has_tls() const noexcept {
    return scheme == LinkScheme::mqtts || scheme == LinkScheme::wss;
  }
  [[nodiscard]] bool has_websocket() const noexcept {
    return scheme == LinkScheme::ws || scheme == LinkScheme::wss;
  }
  [[nodiscard]] bool is_unix() const noexcept { return scheme == LinkScheme::unix_socket; }
  /// "host:1883", "[::1]:1883", "unix:/run/darter.sock": for the log, without user and password.
  [[nodiscard]] std::string text() const;

  bool operator==(const LinkAddress&) const = default;
};

}  // namespace transport
