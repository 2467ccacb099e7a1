#include "transport/http_health.h"

namespace transport {

HttpAnswer answer_health_check(HttpCall& call, const HttpReply& /*reply*/) {
  const HttpRequest& request = call.request;
  const bool options = request.method == "OPTIONS";
  const bool root = (request.method == "GET" || request.method == "HEAD") && request.path() == "/";
  if (!options && !root) return HttpDeclined{};
  HttpResponse answer;
  if (options) answer.fields = "Allow: GET, HEAD, OPTIONS\r\n";
  answer.body = "This is a WebSocket for MQTT.\n";
  return answer;
}

}  // namespace transport
