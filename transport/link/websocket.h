// transport/link/websocket.h
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>

#include "broker/wire/bytes.h"
#include "transport/link/link.h"

namespace transport {

/// The client's end of a WebSocket: frames and MQTT packets, no socket.
///
/// Shape      One binary message for each MQTT packet on the way out, unfragmented; any cut on the
///            way in [MQTT-6.0.0-2]. Pings are answered, a Close is.
/// Invariant  Every frame has a mask of its own, from OpenSSL's random source (RFC 6455, 10.3).
/// Lifetime   Stays where it is in memory.
/// Threads    None.
/// Source     RFC 6455; framing and the rules of its frames are wslay's.
class WebSocketClient {
 public:
  WebSocketClient();
  ~WebSocketClient();
  WebSocketClient(const WebSocketClient&) = delete;
  WebSocketClient& operator=(const WebSocketClient&) = delete;

  /// Reads bytes, all of them: payload is appended to `payload`, answers to `frames`. Nothing is
  /// read after an end.
  void read(mqtt::Bytes bytes, mqtt::ByteBuffer& payload, mqtt::ByteBuffer& frames);
  /// Appends a frame for each of `packets`, whole MQTT packets; nothing after an end.
  void write(mqtt::Bytes packets, mqtt::ByteBuffer& frames);
  /// Appends a Close frame, unless there has been one.
  void close(mqtt::ByteBuffer& frames);

  /// How the server ended it, if it has: the text is the end of a sentence.
  [[nodiscard]] const std::optional<LinkEnd>& end() const noexcept { return end_; }

 private:
  struct Wslay;

  std::unique_ptr<Wslay> wslay_;
  std::optional<LinkEnd> end_;
};

}  // namespace transport
