// transport/connection.h
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <uv.h>

#include "broker/core/ids.h"
#include "broker/core/metrics.h"
#include "broker/core/outbox.h"
#include "transport/admission.h"
#include "transport/connection_trace.h"
#include "transport/http_exchange.h"
#include "transport/listener.h"
#include "transport/peer_address.h"
#include "transport/pending.h"
#include "transport/proxy_stage.h"
#include "transport/tls.h"
#include "transport/websocket.h"
#include "transport/websocket_opening.h"

namespace transport {

/// How far a connection has come, in the order of its life. A stage that its listener does not have
/// is left out.
enum class State : std::uint8_t {
  free,                ///< no connection: the place waits for one
  proxy_header,        ///< a PROXY protocol header has to come first
  tls_due,             ///< no byte of TLS has come
  tls_handshake,       ///< under way, and counted by HandshakeQueue
  http_request,        ///< of a WebSocket, or for a handler
  http_body,           ///< of that request for a handler
  http_answer,         ///< a handler has the request, and its answer is due
  introduced,          ///< the shard knows it; no byte of MQTT has come
  connecting,          ///< bytes of MQTT have come; it may move to another loop
  at_home,             ///< it stays on this loop, and its login is not answered
  inner,               ///< its client is a part of this process: see InnerClients
  settled,             ///< its shard has answered
  closing,             ///< the shard has forgotten it; output is on its way
  rejected,            ///< the same, and nothing that the client sends matters any more
  lingering,           ///< everything is said: waits for the client's end
  rejected_lingering,  ///< the same after `rejected`
  closed,              ///< the handle is being closed
};

/// Whether its client has not said all that comes before MQTT, or before the answer of a handler.
[[nodiscard]] constexpr bool is_arriving(State state) noexcept {
  return state >= State::proxy_header && state <= State::http_body;
}
/// Whether its CONNECT may be among the next bytes that are read.
[[nodiscard]] constexpr bool awaits_connect(State state) noexcept {
  return state >= State::proxy_header && state <= State::connecting;
}
/// Whether the shard knows it.
[[nodiscard]] constexpr bool is_open(State state) noexcept {
  return state >= State::introduced && state <= State::settled;
}
[[nodiscard]] constexpr bool is_closing(State state) noexcept {
  return state == State::closing || state == State::rejected;
}
[[nodiscard]] constexpr bool is_lingering(State state) noexcept {
  return state == State::lingering || state == State::rejected_lingering;
}
/// Whether the client broke the rules, or asked for no WebSocket: its input is dropped.
[[nodiscard]] constexpr bool is_rejected(State state) noexcept {
  return state == State::rejected || state == State::rejected_lingering;
}

/// One socket of a client; or, in the state `inner`, none: then there is no handle, and no
/// listener.
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
  std::unique_ptr<ProxyStage> proxy;           // null where no such header is expected
  std::unique_ptr<TlsFilter> tls;              // null without TLS, and before the first bytes
  std::unique_ptr<WebSocketReader> websocket;  // null on plain TCP, and before the handshake
  std::unique_ptr<WebSocketOpening> opening;   // from its first bytes until it is answered
  std::unique_ptr<HttpExchange> http;          // null without a request for handlers
  std::unique_ptr<Pending> pending;
  broker::Instant deadline;    // of the states that have one
  broker::Instant opened;      // when the shard of this loop was told of it
  broker::Instant last_bytes;  // when they came on a WebSocket
  ConnectionCharge charge;
  std::unique_ptr<ConnectionTrace> trace;  // null: no trace follows it
  PeerAddress address;           // of the socket's peer, until a proxy has named the client
  std::uint32_t read_turn = 0;   // the turn in which it was read last
  std::uint32_t write_turn = 0;  // the turn in which it was written to last
  State state = State::free;
  broker::CloseHow how = broker::CloseHow::normal;
  bool reading_held = false;   // by the shard, until resume()
  bool in_line = false;        // a part of its CONNECT waits in ConnectQueue
  bool ping_sent = false;      // a Ping of ours is unanswered
  bool through_proxy = false;  // its socket's peer is a proxy, or says that it is one
};

/// Whether libuv reads its socket: not before it was told to, nor while reading is paused.
[[nodiscard]] inline bool is_reading(const Connection& connection) noexcept {
  return uv_is_active(&connection.handle.any) != 0;
}

/// The part that a connection has to send before its shard learns of it; empty later.
[[nodiscard]] std::string_view awaited_part(State state) noexcept;
/// The reason why its client has no name from TLS or a PROXY header; empty if none is asked for.
[[nodiscard]] std::string_view missing_name(const Connection& connection);
[[nodiscard]] broker::ClientTransport transport_of(const Connection& connection);

/// The number of its socket; -1 if there is none.
[[nodiscard]] inline int descriptor_of(const Connection& connection) noexcept {
  uv_os_fd_t number = -1;
  uv_fileno(&connection.handle.any, &number);
  return number;
}

}  // namespace transport
