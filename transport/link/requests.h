// transport/link/requests.h
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "transport/link/http_answer.h"
#include "transport/link/link.h"
#include "transport/link/options.h"

namespace transport {

// The two requests of a link, and the meaning of their answers.

/// CONNECT, for a proxy.
[[nodiscard]] std::string connect_request(const LinkAddress& address, const LinkProxy& proxy);
/// Why the proxy does not connect; nothing: it does.
[[nodiscard]] std::optional<LinkEnd> judge_connect(const HttpAnswer& answer,
                                                   const LinkOptions& options);

/// A value for Sec-WebSocket-Key, from OpenSSL's random source.
[[nodiscard]] std::string make_websocket_key();
/// The opening handshake of a WebSocket (RFC 6455, section 4.1).
///
/// `options.websocket.fields` go as they are, but for bytes that would end a line.
[[nodiscard]] std::string upgrade_request(const LinkOptions& options, std::string_view key);
/// Why no WebSocket was opened; nothing: it was. 101 has to confirm `Upgrade`, the key and the
/// subprotocol [MQTT-6.0.0-4].
[[nodiscard]] std::optional<LinkEnd> judge_upgrade(const HttpAnswer& answer, std::string_view key,
                                                   const LinkOptions& options);

}  // namespace transport
