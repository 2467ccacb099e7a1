#pragma once

#include <optional>
#include <span>
#include <variant>

#include "broker/wire/bytes.h"
#include "transport/descriptor.h"
#include "transport/http.h"
#include "transport/http_files.h"
#include "transport/options.h"
#include "transport/websocket_handshake.h"

namespace transport {

/// The stage of a connection in which a WebSocket is opened: one HTTP request and its answer. A
/// request that opens none is answered with a file, or as a health check.
///
/// Shape      read() until it returns something else than incomplete -> fault() or answer() ->
///            read_file() until it returns nothing.
/// Lifetime   One per connection, from the first bytes of HTTP until the answer is sent. `listener`
///            outlives it.
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

  /// The whole response of a request that opens no WebSocket, or the head of one with a file.
  struct Page {
    std::string head;
  };
  using Answer = std::variant<Handshake, Page, HttpRefusal>;
  /// The answer of a whole request.
  ///
  /// Cost      Blocking calls to the file system if the listener serves files.
  [[nodiscard]] Answer answer();

  /// Whether there is more of a file to send.
  [[nodiscard]] bool has_file() const noexcept { return static_cast<bool>(file_); }
  /// The next piece of the file, in `place`; nothing at its end.
  [[nodiscard]] std::span<char> read_file(std::span<char> place);

 private:
  [[nodiscard]] std::optional<Answer> answer_plain();

  const ListenerOptions& listener_;
  HttpRequestReader reader_;
  Descriptor file_;  // its rest is still to be sent
};

}  // namespace transport
