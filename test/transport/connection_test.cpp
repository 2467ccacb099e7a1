#include "transport/connection.h"

#include <catch2/catch.hpp>

using broker::ClientTransport;
using transport::Connection;
using transport::State;

namespace {

Connection connection_of(transport::ListenerOptions options) {
  options.port = 0;
  options.loopback_only = true;
  Connection connection;
  connection.listener = transport::Listener::open(options).value();
  return connection;
}

}  // namespace

TEST_CASE("a connection that is closed in its first seconds lacked one part", "[connection]") {
  CHECK(transport::awaited_part(State::proxy_header) == "PROXY protocol header");
  CHECK(transport::awaited_part(State::tls_due) == "TLS handshake");
  CHECK(transport::awaited_part(State::tls_handshake) == "TLS handshake");
  CHECK(transport::awaited_part(State::http_request) == "WebSocket handshake");
  CHECK(transport::awaited_part(State::http_body) == "body of an HTTP request");
  for (const State state : {State::introduced, State::connecting, State::settled, State::closing}) {
    CHECK(transport::awaited_part(state).empty());
  }
}

TEST_CASE("the transport of a client is the outermost of its layers, and TLS", "[connection]") {
  Connection connection = connection_of({});
  CHECK(transport_of(connection) == ClientTransport::tcp);
  connection.websocket = std::make_unique<transport::WebSocketReader>();
  CHECK(transport_of(connection) == ClientTransport::websocket);
}

TEST_CASE("a client lacks a name only where its listener asks for one", "[connection]") {
  CHECK(missing_name(connection_of({})).empty());
  transport::ListenerOptions options;
  options.proxy_names_user = true;
  CHECK(missing_name(connection_of(options)) == "the PROXY header has no verified common name");
}
