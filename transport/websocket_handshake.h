// transport/websocket_handshake.h
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "transport/http.h"
#include "transport/options.h"

namespace transport {

/// Whether a request asks for a WebSocket at all: it has `Upgrade: websocket`.
[[nodiscard]] bool asks_for_websocket(const HttpRequest& request);

/// Whether a request was one for a WebSocket before a proxy dropped `Upgrade`: it has a key.
[[nodiscard]] bool meant_for_websocket(const HttpRequest& request);

/// An opening handshake that was accepted.
struct Handshake {
  std::string response;  // 101, whole
  std::string
      defects;  // of the request, and where they can be mended; "": it is as RFC 6455 has it
};

/// Answers the opening handshake of a WebSocket.
///
/// Returns   The response. The subprotocol is the first of `mqtt` and `mqttv3.1` that the client
///           offers [MQTT-6.0.0-3] [MQTT-6.0.0-4]. HTTP/1.0, a missing Sec-WebSocket-Version, a
///           missing Host and a key that is not 16 bytes are defects only: refusing them brings
///           no safety, and clients and proxies that have them work with Mosquitto.
/// Errors    The answer in place of it, in this order: 405 for a method other than GET, 404 for a
///           path other than http_path, 426 for HTTP before 1.0, no upgrade asked for, or a
///           WebSocket version other than 13, 400 for several Hosts, 400 for no key or several,
///           403 for an Origin that is not listed, 400 if no subprotocol fits.
/// Source    RFC 6455, section 4.2.
[[nodiscard]] std::expected<Handshake, HttpRefusal> answer_handshake(
    const HttpRequest& request, const ListenerOptions& listener);

/// The value of Sec-WebSocket-Accept for a key.
[[nodiscard]] std::string accept_value(std::string_view key);

}  // namespace transport
