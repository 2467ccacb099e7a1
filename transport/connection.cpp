#include "transport/connection.h"

#include <cassert>

namespace transport {

std::string_view awaited_part(State state) noexcept {
  switch (state) {
    case State::proxy_header:
      return "PROXY protocol header";
    case State::tls_due:
    case State::tls_handshake:
      return "TLS handshake";
    case State::http_request:
      return "WebSocket handshake";
    case State::http_body:
      return "body of an HTTP request";
    default:
      return {};
  }
}

std::string_view missing_name(const Connection& connection) {
  assert(connection.listener != nullptr);
  const ListenerOptions& options = connection.listener->options();
  if (options.proxy_names_user) return "the PROXY header has no verified common name";
  return connection.tls != nullptr ? connection.tls->missing_name() : std::string_view();
}

broker::ClientTransport transport_of(const Connection& connection) {
  using broker::ClientTransport;
  const bool tls = connection.tls != nullptr;
  if (connection.websocket != nullptr) {
    return tls ? ClientTransport::websocket_tls : ClientTransport::websocket;
  }
  if (tls) return ClientTransport::tls;
  return connection.listener->is_unix() ? ClientTransport::unix_socket : ClientTransport::tcp;
}

}  // namespace transport
