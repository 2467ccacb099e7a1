#include "transport/websocket_opening.h"

#include <string>
#include <unistd.h>
#include <utility>

#include "transport/http_health.h"

namespace transport {

HttpRefusal WebSocketOpening::fault(HttpRequestReader::Progress progress) const {
  if (progress == HttpRequestReader::Progress::too_large) {
    return {431,
            "The request line and header fields have more than " +
                std::to_string(listener_.websockets_headers_bytes_max) +
                " bytes (websockets_headers_size).",
            {}};
  }
  return {400, "The request is not HTTP/1.1: " + std::string(reader_.error()) + ".", {}};
}

WebSocketOpening::Answer WebSocketOpening::answer() {
  if (!meant_for_websocket(request())) {
    if (auto plain = answer_plain()) return std::move(*plain);
  }
  auto handshake = answer_handshake(request(), listener_);
  if (!handshake) return std::move(handshake.error());
  return std::move(*handshake);
}

/// The answer of a request that opens no WebSocket; nothing: it is refused as a WebSocket's. A file
/// comes before a health check. A folder without a page of its own is no reason for a load
/// balancer to take the server out.
std::optional<WebSocketOpening::Answer> WebSocketOpening::answer_plain() {
  auto health = answer_health_check(request());
  if (!listener_.http_dir.empty() && request().method != "OPTIONS") {
    auto found = open_file(request(), listener_.http_dir);
    if (found) {
      Descriptor file(found->descriptor);
      if (request().method != "HEAD") file_ = std::move(file);
      return Page{std::move(found->head)};
    }
    if (found.error().status != 404 || !health) return std::move(found.error());
  }
  if (health) return Page{std::move(*health)};
  return std::nullopt;
}

std::span<char> WebSocketOpening::read_file(std::span<char> place) {
  const ssize_t count = ::read(file_.get(), place.data(), place.size());
  if (count > 0) return place.first(static_cast<std::size_t>(count));
  file_ = Descriptor();
  return {};
}

}  // namespace transport
