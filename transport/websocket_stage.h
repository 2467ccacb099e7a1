// transport/websocket_stage.h
#pragma once

#include <span>

#include "broker/core/outbox.h"
#include "transport/connection.h"
#include "transport/websocket.h"
#include "transport/websocket_pings.h"

namespace transport {

class Connections;
class Loop;

/// The stage of WebSocket frames, for all connections of one loop: undoes the frames of clients,
/// answers their Pings, sends Pings to silent clients, and speaks the closing handshake. Each of
/// its functions does nothing to a connection without a WebSocket.
///
/// Shape      open() -> read() -> end(), as often as bytes come, until the client ends the
///            WebSocket, or the broker by close().
/// Lifetime   A part of Connections, which outlives it. The state of a WebSocket is a
///            WebSocketReader, which belongs to its connection and moves with it.
/// Threads    Its loop's only.
class WebSocketStage {
 public:
  WebSocketStage(Loop& loop, Connections& connections) : loop_(loop), connections_(connections) {}
  WebSocketStage(const WebSocketStage&) = delete;
  WebSocketStage& operator=(const WebSocketStage&) = delete;

  /// The shard knows the connection: a client that is silent from now on gets a Ping.
  void open(Connection& connection);
  /// Undoes frames in place. Returns the MQTT bytes in them; all of `bytes` without a WebSocket.
  [[nodiscard]] std::span<std::byte> read(Connection& connection, std::span<std::byte> bytes);
  /// Ends a connection whose client has ended the WebSocket, or broken its rules. It may have moved
  /// to another loop meanwhile, with its WebSocket.
  void end(Connection& connection);
  /// Sends the Close of the broker, behind all other output.
  void close(Connection& connection, const broker::CloseRequest& request);
  /// Sends Pings to silent clients, and ends those that have not answered the last one. To be
  /// called every 100 ms or so.
  void tick();

 private:
  void send_pongs(Connection& connection, const WebSocketInput& input);
  void send_ping(Connection& connection);

  Loop& loop_;
  Connections& connections_;
  WebSocketPings pings_;
};

}  // namespace transport
