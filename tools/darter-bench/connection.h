#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "broker/wire/bytes.h"
#include "tools/darter-bench/clock.h"
#include "tools/darter-bench/tls_stream.h"
#include "tools/darter-bench/websocket.h"
#include "tools/socket/descriptor.h"

namespace bench {

/// One client's connection; the reactor opens, feeds and closes it.
///
/// Lifetime   Belongs to a scenario, outlives the reactor's use of it, and may be opened again
///            after it was closed.
struct Connection {
  enum class State : std::uint8_t {
    closed,
    upgrading,  ///< waits for the answer of the WebSocket handshake
    greeting,   ///< waits for CONNACK
    ready,
    leaving,  ///< has sent DISCONNECT and waits for the broker to close
  };
  enum class Role : std::uint8_t { publisher, subscriber, other };

  // Set by the scenario.
  std::string client_id;
  std::string user;  // empty: it names none, and has no password
  bool clean_session = true;
  Role role = Role::other;
  std::uint32_t index = 0;           // among those of its role
  std::uint32_t source_address = 0;  // in host order; 0 leaves it to the kernel

  // Set by the reactor.
  State state = State::closed;
  sockets::Descriptor socket;
  mqtt::ByteBuffer output;
  std::unique_ptr<TlsStream> tls;  // null without TLS
  mqtt::ByteBuffer sealed;         // output of which TLS has made records
  mqtt::ByteBuffer tail;           // an incomplete packet
  WebSocketInput frames;
  bool has_output = false;        // is in the reactor's list
  bool waits_for_socket = false;  // the poller tells when it takes bytes again
  bool session_present = false;
  std::uint16_t receive_maximum = 65'535;
  Nanoseconds opened_at = 0;
};

}  // namespace bench
