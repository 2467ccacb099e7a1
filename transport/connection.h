// transport/connection.h
#pragma once

#include <cstdint>
#include <memory>
#include <uv.h>

#include "broker/core/ids.h"
#include "broker/core/outbox.h"
#include "transport/admission.h"
#include "transport/listener.h"
#include "transport/peer_address.h"
#include "transport/pending.h"
#include "transport/proxy_protocol.h"
#include "transport/tls.h"
#include "transport/websocket.h"
#include "transport/websocket_opening.h"

namespace transport {

/// How far a connection has come.
enum class Phase : std::uint8_t {
  free,       ///< no connection: the place waits for one
  proxy,      ///< a PROXY protocol header has to come first
  handshake,  ///< of TLS, then of a WebSocket; the shard does not know it yet
  open,       ///< the shard knows it
  closing,    ///< the shard has forgotten it; output is on its way
  lingering,  ///< everything is said: waits for the client's end
  closed,     ///< the handle is being closed
};

/// One socket of a client.
///
/// Lifetime   A place in its loop's ConnectionTable, used again after the handle is closed.
///            An idle connection owns no buffer.
/// Threads    Its loop's only.
struct Connection {
  union Handle {
    uv_handle_t any;
    uv_stream_t stream;
    uv_tcp_t tcp;
    uv_pipe_t pipe;
  };

  Handle handle{};
  broker::ConnectionId id;
  std::shared_ptr<Listener> listener;          // by which it came in
  std::unique_ptr<ProxyHeaderReader> proxy;    // null where no such header is expected
  std::unique_ptr<TlsFilter> tls;              // null without TLS, and before the first bytes
  std::unique_ptr<WebSocketReader> websocket;  // null on plain TCP, and before the handshake
  std::unique_ptr<WebSocketOpening> opening;   // from its first bytes until its end
  std::unique_ptr<Pending> pending;
  broker::Instant deadline;    // of the phases that have one
  broker::Instant opened;      // when the shard of this loop was told of it
  broker::Instant last_bytes;  // when they came on a WebSocket
  ConnectionCharge charge;
  PeerAddress address;           // of the socket's peer, until a proxy has named the client
  std::uint32_t read_turn = 0;   // the turn in which it was read last
  std::uint32_t write_turn = 0;  // the turn in which it was written to last
  Phase phase = Phase::free;
  broker::CloseHow how = broker::CloseHow::normal;
  bool seen_bytes = false;     // its first bytes were looked at; with TLS once more inside of it
  bool handshaking = false;    // in a TLS handshake, and counted so
  bool settled = false;        // its shard has answered: it will not move any more
  bool deciding = false;       // a login is being checked: nothing is read
  bool paused = false;         // reading is stopped in libuv
  bool ping_sent = false;      // a Ping of ours is unanswered
  bool through_proxy = false;  // its socket's peer is a proxy, or says that it is one
  bool failed = false;         // the client broke the rules: nothing more is expected from it
};

/// The number of its socket; -1 if there is none.
[[nodiscard]] inline int descriptor_of(const Connection& connection) noexcept {
  uv_os_fd_t number = -1;
  uv_fileno(&connection.handle.any, &number);
  return number;
}

}  // namespace transport
