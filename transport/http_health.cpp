#include "transport/http_health.h"

namespace transport {

std::optional<std::string> answer_health_check(const HttpRequest& request) {
  const bool options = request.method == "OPTIONS";
  const bool head = request.method == "HEAD";
  const bool root = (head || request.method == "GET") && request.path() == "/";
  if (!options && !root) return std::nullopt;
  HttpRefusal answer{200, "This is a WebSocket for MQTT.", {}};
  if (options) answer.fields = "Allow: GET, HEAD, OPTIONS\r\n";
  return encode(answer, head);
}

}  // namespace transport
