#include "transport/websocket_stage.h"

#include <cassert>
#include <string>
#include <utility>

#include "transport/connections.h"
#include "transport/loop.h"

namespace transport {

void WebSocketStage::open(Connection& connection) {
  assert(is_open(connection.state));
  pings_.watch(connection, loop_.now());
}

std::span<std::byte> WebSocketStage::read(Connection& connection, std::span<std::byte> bytes) {
  if (connection.websocket == nullptr || bytes.empty()) return bytes;
  const bool open = is_open(connection.state);
  if (!open && connection.state != State::lingering) return {};
  const WebSocketInput input = connection.websocket->read(bytes);
  if (!open) return {};
  WebSocketPings::heard(connection, loop_.now());
  if (!input.pongs.empty()) send_pongs(connection, input);
  return input.payload;
}

/// Answers Pings. While output waits the last Pong stands for those before it (RFC 6455, section
/// 5.5.3): a client that sends Pings and does not read would fill the memory.
void WebSocketStage::send_pongs(Connection& connection, const WebSocketInput& input) {
  const mqtt::Bytes pongs = input.pongs.view();
  if (connection.pending == nullptr) return connections_.send(connection, mqtt::as_text(pongs));
  assert(input.last_pong < pongs.size());
  connection.pending->pong.clear();
  connection.pending->pong.append(pongs.subspan(input.last_pong));
}

void WebSocketStage::end(Connection& connection) {
  if (connection.websocket == nullptr) return;
  const WebSocketReader& websocket = *connection.websocket;
  if (websocket.end() == WebSocketInput::End::none) return;
  if (connection.state == State::lingering) {
    connections_.writer().end_tls(connection);
    return connections_.destroy(connection);
  }
  if (!is_open(connection.state)) return;
  mqtt::ByteBuffer frame;
  append_websocket_close(frame, websocket.code(), websocket.why());
  if (websocket.end() == WebSocketInput::End::failed) {
    connections_.note(connection, broker::Event::protocol_error, "WebSocket of ",
                      " broke the protocol: " + std::string(websocket.why()) + ".");
    connections_.forget(connection, broker::CloseCause::protocol_error);
    connections_.change(connection, State::rejected);
  } else {
    connections_.forget(connection, broker::CloseCause::peer_closed);
  }
  connections_.send(connection, mqtt::as_text(frame.view()));
  connections_.finish(connection);
}

void WebSocketStage::close(Connection& connection, const broker::CloseRequest& request) {
  assert(connection.state == State::closing);  // the shard says nothing more
  if (connection.websocket == nullptr) return;
  mqtt::ByteBuffer frame;
  append_websocket_close(frame, websocket_code_of(request.how), request.why);
  connections_.send(connection, mqtt::as_text(frame.view()));
}

void WebSocketStage::tick() {
  const auto find = [this](broker::ConnectionId id) -> Connection* {
    Connection* const connection = connections_.find(id);
    return connection != nullptr && is_open(connection->state) ? connection : nullptr;
  };
  pings_.due(loop_.now(), find, [this](Connection& connection, WebSocketPings::Due due) {
    if (due == WebSocketPings::Due::ping) return send_ping(connection);
    connections_.note(connection, broker::Event::keep_alive_timeout, "Connection from ",
                      " closed: a WebSocket ping was not answered.");
    connections_.lose(connection, broker::CloseCause::connection_lost);
  });
}

/// One Ping in the output that waits is enough, also for a client that sends but does not read.
void WebSocketStage::send_ping(Connection& connection) {
  if (connection.pending != nullptr && std::exchange(connection.pending->pinged, true)) return;
  mqtt::ByteBuffer frame;
  append_websocket_control(frame, WebSocketOpcode::ping, {});
  connections_.send(connection, mqtt::as_text(frame.view()));
}

}  // namespace transport
