#pragma once

#include <expected>

#include "broker/wire/bytes.h"
#include "transport/http.h"
#include "transport/options.h"
#include "transport/websocket_handshake.h"

namespace transport {

/// The stage of a connection in which a WebSocket is opened: one HTTP request and its answer.
///
/// Shape      read() until it returns something else than incomplete -> fault(), or answer(), or
///            take_request() for a request that opens none.
/// Lifetime   One per connection, from the first bytes of HTTP until its request is answered or
///            handed on. `listener` outlives it.
/// Threads    None.
class WebSocketOpening {
 public:
  explicit WebSocketOpening(const ListenerOptions& listener)
      : listener_(listener), reader_(listener.websockets_headers_bytes_max) {}

  [[nodiscard]] HttpRequestReader::Result read(mqtt::Bytes bytes) { return reader_.read(bytes); }
  /// How much of the request's head has come.
  [[nodiscard]] std::size_t head_bytes() const noexcept {
    return listener_.websockets_headers_bytes_max - reader_.bytes_left();
  }
  /// The request; whole once read() has returned complete.
  [[nodiscard]] const HttpRequest& request() const noexcept { return reader_.request(); }
  /// The answer if read() returned malformed or too_large.
  [[nodiscard]] HttpRefusal fault(HttpRequestReader::Progress progress) const;

  /// Whether the request opens no WebSocket, and never was to: handlers answer it.
  [[nodiscard]] bool is_plain() const { return !meant_for_websocket(request()); }
  /// Moves the request out, for the handlers.
  [[nodiscard]] HttpRequest take_request() { return reader_.take(); }
  /// The answer of a whole request for a WebSocket.
  [[nodiscard]] std::expected<Handshake, HttpRefusal> answer() const {
    return answer_handshake(request(), listener_);
  }

 private:
  const ListenerOptions& listener_;
  HttpRequestReader reader_;
};

}  // namespace transport
