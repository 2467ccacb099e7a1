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

/// Answers the opening handshake of a WebSocket.
///
/// Returns   The response 101, whole. The subprotocol is the first of `mqtt` and `mqttv3.1` that
///           the client offers [MQTT-6.0.0-3] [MQTT-6.0.0-4].
/// Errors    What to answer instead, in this order: 405 for a method other than GET, 404 for a
///           path other than http_path, 426 for HTTP before 1.1, no upgrade asked for, or a
///           WebSocket version other than 13, 400 for a missing Host or a bad key, 403 for an
///           Origin that is not listed, 400 if no subprotocol fits.
/// Source    RFC 6455, section 4.2.
[[nodiscard]] std::expected<std::string, HttpRefusal> answer_handshake(
    const HttpRequest& request, const ListenerOptions& listener);

/// The value of Sec-WebSocket-Accept for a key.
[[nodiscard]] std::string accept_value(std::string_view key);

}  // namespace transport
