#include "transport/websocket_opening.h"

#include <string>

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

}  // namespace transport
