#include "transport/wrong_protocol.h"

#include <cassert>

#include "transport/first_bytes.h"

namespace transport {

namespace {

std::string_view name_of(Protocol protocol) noexcept {
  switch (protocol) {
    case Protocol::http:
      return "HTTP";
    case Protocol::websockets:
      return "WebSocket";
    case Protocol::mqtt:
      break;
  }
  return "MQTT";
}

}  // namespace

std::optional<WrongProtocol> find_wrong_protocol(mqtt::Bytes bytes, const ListenerOptions& options,
                                                 bool tls_begun) {
  assert(options.tls || !tls_begun);
  const bool before_tls = options.tls && !tls_begun;
  const FirstBytes inside = speaks_http(options.protocol) ? FirstBytes::http : FirstBytes::mqtt;
  const FirstBytes kind = recognise(bytes);
  if (kind == FirstBytes::unknown || kind == (before_tls ? FirstBytes::tls : inside)) return {};
  WrongProtocol wrong;
  wrong.sent = before_tls && kind == FirstBytes::mqtt ? "MQTT without TLS" : describe(kind);
  wrong.expected =
      std::string(name_of(options.protocol)) + (options.tls ? " over TLS" : " without TLS");
  if (kind == FirstBytes::http) {
    wrong.answer = HttpRefusal{
        400,
        before_tls ? "This port speaks TLS: use https or wss." : "This port speaks MQTT, not HTTP.",
        {}};
  }
  return wrong;
}

}  // namespace transport
