// transport/wrong_protocol.h
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "broker/wire/bytes.h"
#include "transport/http.h"
#include "transport/options.h"

namespace transport {

/// The fault of a client that speaks another protocol than its listener.
struct WrongProtocol {
  std::string_view sent;              // "HTTP", "MQTT without TLS"
  std::string expected;               // "WebSocket over TLS"
  std::optional<HttpRefusal> answer;  // for a browser; nothing: the client would not understand it
};

/// Judges the first bytes that come to the stage of TLS, HTTP or MQTT.
///
/// `tls_begun`  The listener has TLS, and these are the bytes inside it.
/// Returns      Nothing if the protocol is the listener's, or is not recognised.
[[nodiscard]] std::optional<WrongProtocol> find_wrong_protocol(mqtt::Bytes bytes,
                                                               const ListenerOptions& options,
                                                               bool tls_begun);

}  // namespace transport
